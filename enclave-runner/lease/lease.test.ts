import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { parseSubject } from '#protocol'
import { nodeProvider } from '#protocol/node'
import type { Attestor } from '../attest/attestor.ts'
import type { Identity } from '../attest/identity.ts'
import { ask } from '../testing/ask.ts'
import type { TestGateway } from '../testing/test-gateway.ts'
import { startTestGateway } from '../testing/test-gateway.ts'
import { PAYEE, startTestRunner } from '../testing/test-runner.ts'
import { type Offer, register } from './register.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function newGateway(now?: () => number): Promise<TestGateway> {
  const gateway = await startTestGateway(now)
  closers.push(() => gateway.close())
  return gateway
}

const script = { kind: 'scripted', script: 'c3g0' } as const
const chat = { model: 'tiny-demo', messages: [{ role: 'user', content: 'hello' }] }

describe('a lease', () => {
  test('is asked for with the receipt key’s signature over payee, model and place (H7)', async () => {
    const gateway = await newGateway()
    const { runner } = await startTestRunner([gateway.origin])
    closers.push(() => runner.close(0))
    await gateway.until(() => gateway.heartbeats.length > 1)
    const [first] = gateway.registrations
    // The gateway's double verified the signature before it kept the registration.
    expect(first?.request.registration).toMatchObject({
      payee: PAYEE,
      transport: { kind: 'direct', url: runner.origin },
      model: { id: 'tiny-demo', context_length: 160 },
    })
    expect(parseSubject(first?.keyset.subject ?? '')).toMatchObject({
      payee: PAYEE,
      gpu: 'none',
      weights: 'sha256:2a45ae31b73b2ea61cb24d6e9a479b227ebaf7700a74605e82dedf7c5ae40d5c',
    })
    const sequences = gateway.heartbeats.map(({ heartbeat }) => heartbeat.sequence)
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b))
    expect(new Set(sequences).size).toBe(sequences.length)
    expect(sequences[0]).toBeGreaterThan(first?.request.registration.sequence ?? 0)
  })

  test('is asked for again when the gateway was away or has forgotten it', async () => {
    const gateway = await newGateway()
    gateway.fail(503)
    const { runner } = await startTestRunner([gateway.origin], { engine: script })
    closers.push(() => runner.close(0))
    expect((await fetch(`${runner.origin}/health`)).status).toBe(503)
    gateway.fail(undefined)
    await gateway.until(() => gateway.heartbeats.length > 0)
    expect((await fetch(`${runner.origin}/health`)).status).toBe(200)
    const registered = gateway.registrations.length
    const failed = gateway.failed
    gateway.fail(404)
    await gateway.until(() => gateway.failed > failed)
    gateway.fail(undefined)
    await gateway.until(() => gateway.registrations.length > registered)
    const at = gateway.registrations.at(-1)
    if (at === undefined) throw new Error('not registered')
    expect((await ask(at, chat)).status).toBe(200)
  })

  test('is held at several gateways, each with its own allowances', async () => {
    const gateways = [await newGateway(), await newGateway()]
    const { runner } = await startTestRunner(
      gateways.map(({ origin }) => origin),
      { engine: script },
    )
    closers.push(() => runner.close(0))
    for (const gateway of gateways) {
      await gateway.until(() => gateway.heartbeats.length > 0)
      const at = gateway.registrations[0]
      if (at === undefined) throw new Error('not registered')
      const answer = await ask(at, chat)
      expect(answer.status).toBe(200)
      await gateway.until(() => gateway.receipts.length > 0)
      expect(gateway.receipts).toHaveLength(1)
    }
    const [one, two] = gateways.map(({ registrations }) => registrations[0])
    if (one === undefined || two === undefined) throw new Error('not registered')
    const crossed = await ask({ ...one, sessionId: two.sessionId }, chat)
    expect(crossed.status).toBe(403)
  })
})

test('a day of key rotation: no request fails because of it', async () => {
  let seconds = 1_800_000_000
  const gateway = await newGateway(() => seconds)
  const { runner } = await startTestRunner(
    [gateway.origin],
    { engine: script, keysetSeconds: 3600 },
    { clock: () => unixMs(seconds * 1000), wait: () => nextTurn() },
  )
  closers.push(() => runner.close(0))
  await gateway.until(() => gateway.heartbeats.length > 0)
  let known = gateway.registrations.at(-1)
  const keysets = new Set<string>()
  for (let step = 0; step < 24 * 6; step++) {
    seconds += 600
    const seen = gateway.heartbeats.length
    await gateway.until(() => gateway.heartbeats.length > seen + 1)
    const newest = gateway.registrations.at(-1)
    if (known === undefined || newest === undefined) throw new Error('not registered')
    // A client that learnt the keys ten minutes ago, and one that learnt them now.
    for (const at of [known, newest]) expect((await ask(at, chat)).status).toBe(200)
    expect(newest.keyset.not_after).toBeGreaterThan(seconds)
    keysets.add(newest.request.registration.keyset_digest)
    known = newest
  }
  expect(keysets.size).toBeGreaterThan(24)
  expect(keysets.size).toBeLessThan(40)
})

test('a gateway gets no signature that another gateway would take (H7)', async () => {
  const quotes: string[] = []
  const attestor = {
    ownReport: async (_: Identity, nonce: string): Promise<never> => {
      quotes.push(nonce)
      throw new Error('a quote was made')
    },
  }
  const challenge = { challenge: 'ab'.repeat(32), gateway: 'https://honest.example', expires_at: 1 }
  const fetch = async () => Response.json(challenge)
  const asked = (gateway: string): Promise<unknown> =>
    register(
      // Sound: nothing of them is used before a quote is made.
      {
        provider: nodeProvider,
        attestor: attestor as unknown as Attestor,
        fetch,
        production: true,
      },
      gateway,
      {} as Identity,
      {} as Offer,
      new AbortController().signal,
    )
  await expect(asked('https://relay.example')).rejects.toMatchObject({ code: 'malformed' })
  expect(quotes).toEqual([])
  await expect(asked('https://honest.example')).rejects.toThrow('a quote was made')
})
