import { Address, toNano } from '@ton/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DevChain, startDevChain } from '#dev/chain/start-dev-chain.ts'
import { type Desk, openDesk, type Ran } from '../testing/run-command.ts'
import { registry } from './registry.ts'
import { wallet } from './wallet.ts'

const DAY = 86_400
const HASH = 'ab'.repeat(32)

let dev: DevChain
let desk: Desk
let address = ''
const wallets = new Map<string, string>()

const run = (line: string): Promise<Ran> =>
  desk.run(registry, line, {
    TON_ENDPOINT: dev.endpoint,
    ...(address === '' ? {} : { REGISTRY_ADDRESS: address }),
  })

async function fundedWallet(file: string): Promise<void> {
  await desk.run(wallet, `new --out ${file}`)
  const shown = await desk.run(wallet, `show --wallet ${file}`, { TON_ENDPOINT: dev.endpoint })
  const [, friendly = '', raw = ''] = /address +(\S+) \((\S+)\)/.exec(shown.out) ?? []
  wallets.set(file, raw)
  await dev.chain.faucet({ to: Address.parse(friendly), value: toNano('20'), bounce: false })
}

beforeAll(async () => {
  dev = await startDevChain()
  desk = openDesk()
  for (const file of ['owner', 'guardian', 'heir', 'stranger']) await fundedWallet(file)
})
afterAll(async () => {
  desk.close()
  await dev.close()
})

describe('cocoon registry', () => {
  test('deploys once', async () => {
    const line = `deploy --guardian ${wallets.get('guardian')} --delay-hours 48 --wallet owner`
    const first = await run(line)
    expect(first).toMatchObject({ code: 0, err: '' })
    const found = /^REGISTRY_ADDRESS=(\S+)$/m.exec(first.out)?.[1] ?? ''
    expect((await run(line)).out).toContain('nothing to do')
    address = found
    expect((await run('show')).out).toMatch(/additions +wait 48 h/)
  })

  test('an addition waits in sight, and becomes active by itself', async () => {
    expect((await run(`add image ${HASH} --wallet stranger`)).err).toContain('NotOwner')
    expect((await run(`add image ${HASH} --wallet owner`)).out).toContain('waits until')
    expect((await run(`add image ${HASH} --wallet owner`)).out).toContain('nothing to do')
    const other = await run(`add image ${HASH} --meta ${'11'.repeat(32)} --wallet owner`)
    expect(other).toMatchObject({ code: 2, err: expect.stringContaining('revoke it first') })
    expect((await run('show')).out).toMatch(new RegExp(`image +${HASH} waits`))
    dev.chain.advance(2 * DAY + 1)
    expect((await run('show')).out).toMatch(new RegExp(`image +${HASH} active`))
  })

  test('a guardian revokes at once and denies what was never added, but adds nothing', async () => {
    expect((await run(`add image ${'cd'.repeat(32)} --wallet guardian`)).code).toBe(1)
    expect((await run(`revoke image ${HASH} --wallet guardian`)).out).toContain('revoked')
    expect((await run(`revoke image ${HASH} --wallet guardian`)).out).toContain('nothing to do')
    expect((await run(`revoke model ${HASH} --wallet guardian`)).out).toContain('denied')
  })

  test('ownership passes in sight of all, after the delay, to who accepts it', async () => {
    const heir = wallets.get('heir') ?? ''
    expect((await run(`propose-owner --to ${heir} --wallet owner`)).out).toContain('proposed')
    expect((await run('accept-owner --wallet heir')).err).toContain('may accept from')
    expect((await run('cancel-proposals --wallet owner')).out).toContain('nobody is proposed')
    for (const line of ['accept-owner --wallet heir', 'accept-owner --dry-run']) {
      expect(await run(line)).toMatchObject({
        code: 2,
        err: expect.stringContaining(`nobody is proposed; the owner is ${wallets.get('owner')}`),
      })
    }
    await run(`propose-owner --to ${heir} --wallet owner`)
    dev.chain.advance(2 * DAY + 1)
    expect((await run('accept-owner --wallet stranger')).err).toContain('NotOwner')
    expect((await run('accept-owner --wallet heir')).out).toContain(`the owner is ${heir}`)
    expect((await run('accept-owner --wallet heir')).out).toContain('nothing to do')
    expect((await run('accept-owner --wallet stranger')).err).toContain('nobody is proposed')
    expect((await run(`add image ${HASH} --wallet owner`)).err).toContain('NotOwner')
    const stranger = wallets.get('stranger') ?? ''
    await run(`propose-guardian --to ${stranger} --wallet heir`)
    dev.chain.advance(2 * DAY + 1)
    expect((await run('accept-guardian --wallet stranger')).out).toContain(stranger)
  })

  test('a uri is shown without control characters; a dry run sends nothing', async () => {
    expect((await run('set-uri https://example.org/list --wallet heir')).code).toBe(0)
    expect((await run('show')).out).toMatch(/uri +https:\/\/example.org\/list/)
    const dry = await run(`add till ${HASH} --dry-run`)
    expect(dry).toMatchObject({ code: 0, out: expect.stringContaining('would send  0.05 TON') })
    expect((await run('show')).out).not.toContain(`till        ${HASH}`)
    expect((await run('top-up --amount 0.5 --wallet stranger')).code).toBe(0)
  })

  test('wrong kinds and hashes are usage errors', async () => {
    expect((await run(`add gpu ${HASH} --dry-run`)).err).toContain('image, model')
    expect((await run('add image abcd --dry-run')).err).toContain('64 hex digits')
    expect((await run('show --registry EQnonsense')).err).toContain('not a TON address')
  })
})
