import { afterAll, beforeAll, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { fromHex } from '#base/bytes.ts'
import { parseTon } from '#base/nano.ts'
import { addBody, Registry, registryTopUpBody } from '#contracts'
import { type DevChain, startDevChain } from '#dev/chain/start-dev-chain.ts'
import { type DevWallet, openDevWallet } from '#dev/chain/wallet.ts'
import { type TonAddress, tonAddress } from '../db/ids.ts'
import type { Chain } from '../money/chain.ts'
import { MoneyError } from '../money/errors.ts'
import { chainAt } from '../money/testing/money-world.ts'
import { createReadRegistry, type RegistryReads } from './read-registry.ts'

const IMAGE = 'ab'.repeat(32)

let [dev, liar]: DevChain[] = []
let address: TonAddress

/** The owner's word, on one of the two chains. */
async function list(owner: DevWallet, hash: string): Promise<void> {
  const body = addBody('image', fromHex(hash), new Uint8Array(32))
  await owner.transfer({ to: registryOf(owner).address, value: parseTon('0.05'), body })
}

const registryOf = (owner: DevWallet) =>
  Registry.createFromConfig({ owner: owner.address.toRawString(), guardian: null, delay: 0 })

beforeAll(async () => {
  dev = await startDevChain()
  const owner = openDevWallet(dev.endpoint, 'owner')
  await owner.fund('10')
  const { address: to, init } = registryOf(owner)
  if (init === undefined) throw new Error('no StateInit')
  await owner.transfer({ to, value: parseTon('1'), init, body: registryTopUpBody() })
  address = tonAddress(to.toRawString())
  await list(owner, IMAGE)
  // Another chain with the same past: there an image is listed that nobody listed here.
  liar = await dev.fork()
  await list(openDevWallet(liar.endpoint, 'owner'), 'ee'.repeat(32))
})
afterAll(async () => {
  await liar?.close()
  await dev?.close()
})

const honest = (): Chain => chainAt(dev?.endpoint ?? '')
const lying = (): Chain => chainAt(liar?.endpoint ?? '')

const noAnswer = async (): Promise<never> => {
  throw new MoneyError('unavailable', 'no answer')
}
const silent: RegistryReads = { head: noAnswer, runGet: noAnswer }
const noEnd = (): Promise<never> => new Promise(() => undefined)
const endless: RegistryReads = { head: noEnd, runGet: noEnd }

const reading = (provider: RegistryReads, witnesses: readonly RegistryReads[]) =>
  createReadRegistry(provider, address, {
    witnesses,
    clock: () => unixMs((dev?.chain.now() ?? 0) * 1_000),
  })

test('beside a witness no provider alone lists an image, or a version that no true one reaches (M11)', async () => {
  expect((await reading(lying(), [])()).version).toBe(2)
  for (const witnesses of [[honest()], [honest(), silent], [silent]]) {
    const read = reading(lying(), witnesses)
    await expect(read()).rejects.toMatchObject({ code: 'untrusted' })
  }
})

test('a witness that is silent or shows something else stops nothing while another one shows the same', async () => {
  for (const witnesses of [
    [silent, honest()],
    [lying(), honest()],
    [endless, honest()],
  ]) {
    const { version, entries } = await reading(honest(), witnesses)()
    expect([version, [...entries.image.keys()]]).toEqual([1, [IMAGE]])
  }
  for (const witnesses of [[silent], [lying()], [lying(), silent]]) {
    const read = reading(honest(), witnesses)
    await expect(read()).rejects.toMatchObject({ code: 'untrusted' })
  }
})

test('a provider that fails is told as it failed, whatever its witnesses say', async () => {
  for (const witnesses of [[], [honest()], [silent]]) {
    const read = reading(silent, witnesses)
    await expect(read()).rejects.toMatchObject({ code: 'unavailable' })
  }
})

test('a provider that stands still hides what was revoked since, and is not believed after a minute', async () => {
  if (dev === undefined) throw new Error('no chain')
  dev.faults.stale = { seqno: dev.chain.history.seqno, time: dev.chain.now() }
  expect((await reading(honest(), [])()).version).toBe(1)
  dev.chain.advance(61)
  await expect(reading(honest(), [])()).rejects.toMatchObject({ code: 'stale' })
})
