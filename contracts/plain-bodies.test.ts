import { Cell } from '@ton/core'
import { expect, test } from 'vitest'
import { webSha256 } from './bit-cell.ts'
import { accountIdOf } from './keys-cell.ts'
import { plainExitBody, plainMemoBody } from './plain-bodies.ts'
import { exitRequestBody, memoBody } from './till-messages.ts'
import { writeBoc } from './write-boc.ts'

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))

test('bodies made without @ton/core are the same cells', async () => {
  const keys = { owner: null, ownerKey: random(32), spendKey: null, salt: random(16) }
  const account = await accountIdOf(keys, 'managed', webSha256)
  const till = `0:${'a1'.repeat(32)}`
  const order = { till, account, to: `0:${'b2'.repeat(32)}`, nonce: 7 }
  const signature = random(64)
  for (const [plain, cell] of [
    [plainMemoBody(account), memoBody(account)],
    [plainExitBody(order, keys, signature), exitRequestBody(order, keys, signature)],
  ] as const) {
    const [read] = Cell.fromBoc(Buffer.from(writeBoc(plain)))
    expect(read?.hash().toString('hex')).toBe(cell.hash().toString('hex'))
  }
})
