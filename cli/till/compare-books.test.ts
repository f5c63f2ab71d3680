import { afterAll, beforeAll, expect, test } from 'vitest'
import { nano } from '#base/nano.ts'
import { openWorld, testAccount, ton, type World } from '#gateway/money/testing/money-world.ts'
import { type Desk, openDesk } from '../testing/run-command.ts'
import { testIo } from '../testing/test-io.ts'
import { compareBooks, type Owes } from './compare-books.ts'
import { openTill } from './context.ts'

let world: World
let desk: Desk
const none = nano(0n)

beforeAll(async () => {
  world = await openWorld()
  desk = openDesk()
  await world.deposit((await testAccount('alice')).id, '5')
})
afterAll(async () => {
  desk.close()
  await world.close()
})

async function compare(owes: Owes): Promise<readonly string[]> {
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  const env = { TON_ENDPOINT: world.dev.endpoint, TILL_ADDRESS: world.till }
  const io = testIo({ env, cwd: desk.folder, out: say, err: say })
  return compareBooks(await openTill(io, {}), async () => owes, 1)
}

test('a Till that holds what the books owe passes, one that holds a nano less does not', async () => {
  const owed = nano(ton('5') - 70_000_000n)
  expect(await compare({ accounts: owed, hosts: none, losses: none })).toEqual([])
  const more = nano(owed + 1n)
  expect((await compare({ accounts: more, hosts: none, losses: none }))[0]).toContain(
    'accounts own',
  )
  const hosts = nano(1n)
  const toHosts = await compare({ accounts: owed, hosts, losses: none })
  expect(toHosts).toEqual([expect.stringContaining('accounts and hosts own')])
  expect(await compare({ accounts: owed, hosts, losses: hosts })).toEqual([])
})
