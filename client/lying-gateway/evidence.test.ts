import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { encodeBundle, NO_COLLATERAL, PINNED_ANCHORS } from '#attestation'
import { unixSeconds } from '#base/brand.ts'
import { contentAddress, webProvider } from '#protocol'
import { connectWith } from '../connect.ts'
import type { ConnectOptions } from '../options.ts'
import { ask, codeOf, MARK, runner, useWorld } from '../testing/lied-to.ts'
import { ENDPOINTS, GATEWAY } from '../testing/lying-gateway.ts'
import { REGISTRY_ADDRESS, registryAnswer } from '../testing/test-registry.ts'
import { MODEL, makeRunner, random } from '../testing/test-runner.ts'

const lied = useWorld()

describe('an honest market', () => {
  test('the official client works unmodified, and nobody on the way sees prompt or answer', async () => {
    const cocoon = await lied.world.connect()
    const openai = new OpenAI({ baseURL: cocoon.baseURL, fetch: cocoon.fetch, apiKey: 'sk-test' })
    const messages = [{ role: 'user' as const, content: MARK }]
    const whole = await openai.chat.completions.create({ model: MODEL, messages })
    expect(whole.choices[0]?.message.content).toBe('Hello there')
    const stream = await openai.chat.completions.create({ model: MODEL, messages, stream: true })
    let text = ''
    for await (const part of stream) text += part.choices[0]?.delta.content ?? ''
    expect(text).toBe('Hello there')
    expect(runner().opened.join()).toContain(MARK)
    expect(lied.world.seen.join()).not.toContain(MARK)
    expect(lied.world.seen.join()).not.toContain('Hello there')
    expect(cocoon.verification).toMatchObject({
      status: 'simulated',
      allowlist: { source: 'registry', version: 5 },
      runners: [{ suite: 'ehbp-mlkem768-x25519' }],
      hosts: 1,
    })
    expect(cocoon.verification.warnings.join()).toContain('1 independent host')
  })

  test('how old keys and the evidence under them may be is shown (M9)', async () => {
    const [shown] = (await lied.world.connect()).verification.runners
    // What lives for another hour was made a day before its end at the earliest.
    expect(shown?.keysSince).toBe(runner().keyset.not_after - 86_400)
  })

  test('the verified receipt is given with the answer', async () => {
    const cocoon = await lied.world.connect()
    const response = await ask(cocoon)
    await response.text()
    const receipt = await cocoon.receiptOf(response)
    expect(receipt).toMatchObject({ runner: 'run_0', model: MODEL, cost: 14n })
  })

  test('a sealed error keeps its status and its text', async () => {
    runner().behaviour = { error: 400 }
    const response = await ask(await lied.world.connect())
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: 'no' } })
  })
})

describe('a gateway that offers what it must not', () => {
  const refusal = () => codeOf(lied.world.connect())

  test('a key of its own under the runner’s evidence', async () => {
    const { forge, clock } = lied.world
    const own = await makeRunner({ forge, clock, id: 'run_9', payee: runner().payee })
    const honest = runner()
    // Session and report name the gateway's keyset; the quote was made over the runner's.
    lied.world.lies = {
      json: (path, told) => {
        if (path === '/v1/runners') {
          return { data: [{ id: 'run_0', model: MODEL, session_id: own.sessionId }] }
        }
        if (path.includes('/sessions/')) return own.session
        if (!path.includes('/attestation')) return undefined
        // Sound: the honest report of the test's runner has this shape.
        const report = told as { attestation: object }
        return {
          ...report,
          workload_keyset_digest: `sha256:${contentAddress(own.keyset)}`,
          attestation: { ...report.attestation, workload_keyset: own.keyset },
        }
      },
    }
    expect(honest.sessionId).not.toBe(own.sessionId)
    expect(await refusal()).toBe('evidence_refused')
  })

  test('a session that is not the one its id names', async () => {
    lied.world.lies = {
      json: (path) => (path.includes('/sessions/') ? { forged: true } : undefined),
    }
    expect(await refusal()).toBe('session_mismatch')
  })

  test('an old session of the same runner', async () => {
    const { forge, clock } = lied.world
    const old = await makeRunner({ forge, clock, id: 'run_0', payee: runner().payee })
    lied.world.lies = {
      json: (path) => {
        if (path === '/v1/runners') {
          return { data: [{ id: 'run_0', model: MODEL, session_id: old.sessionId }] }
        }
        return path.includes('/sessions/') ? old.session : undefined
      },
    }
    expect(await refusal()).toBe('keyset_mismatch')
  })

  test('a quote over somebody else’s nonce', async () => {
    const stale = await runner().report('00'.repeat(32))
    lied.world.lies = { json: (path) => (path.includes('/attestation') ? stale : undefined) }
    expect(await refusal()).toBe('evidence_refused')
  })

  test.each([
    ['expired keys', -1],
    ['keys that live for a week', 7 * 86_400],
  ])('%s', async (_, lifeSeconds) => {
    const { forge, clock } = lied.world
    lied.world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0', lifeSeconds }))
    expect(await refusal()).toBe('keyset_expired')
  })

  test('an image that the Registry does not list', async () => {
    const { forge, clock } = lied.world
    const measurement = random(48)
    lied.world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0', measurement }))
    expect(await refusal()).toBe('evidence_refused')
  })

  test('another model than the attested one', async () => {
    const { forge, clock } = lied.world
    lied.world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0', model: 'small' }))
    expect(await refusal()).toBe('keyset_mismatch')
  })

  test('simulated hardware, to a client that did not ask for it', async () => {
    expect(await codeOf(lied.world.connect({ allowSimulated: false }))).toBe('simulated_refused')
  })

  test('forged hardware, to a client with the vendors’ roots', async () => {
    const { simulation: _, ...production } = { simulation: undefined, allowSimulated: false }
    const { fetch, clock } = lied.world
    const connecting = connectWith({
      ...{ baseURL: `${GATEWAY}/v1`, fetch, clock, random, provider: webProvider, ...production },
      registry: { endpoints: ENDPOINTS, address: REGISTRY_ADDRESS },
      gpu: 'optional',
    })
    expect(await codeOf(connecting)).toBe('evidence_refused')
  })
})

describe('vendors’ lists that the gateway hands over (M8)', () => {
  const DAY = 86_400
  const CRL = 'amd/crl/vcek/Genoa'

  /** A client without any list of its own; the gateway’s is signed `age` days ago and lives for `life` days. */
  async function handed(age: number, life: number, options: Partial<ConnectOptions> = {}) {
    const { forge } = lied.world
    const now = Math.floor(lied.world.clock() / 1000)
    const thisUpdate = now - age * DAY
    const body = await forge.crl({ thisUpdate, nextUpdate: thisUpdate + life * DAY })
    const entry = { name: CRL, body, headers: {}, fetchedAt: unixSeconds(now) }
    const bundle = encodeBundle({
      created: unixSeconds(now),
      collateral: new Map([[CRL, entry]]),
    })
    const json = (path: string, honest: unknown) => (path.endsWith('/collateral') ? bundle : honest)
    lied.world.lies = { ...lied.world.lies, json }
    return lied.world.connect({
      simulation: {
        anchors: { ...PINNED_ANCHORS, sev: [forge.root] },
        collateral: NO_COLLATERAL,
      },
      ...options,
    })
  }

  test('are used where the vendor does not answer, and shown with their age', async () => {
    const { verification } = await handed(3, 30)
    const issued = Math.floor(lied.world.clock() / 1000) - 3 * DAY
    expect(verification.runners[0]?.handed).toEqual([{ name: CRL, issued }])
    const day = new Date(issued * 1000).toISOString().slice(0, 10)
    expect(verification.warnings.join()).toContain(
      `came from the gateway, the oldest signed on ${day}`,
    )
  })

  test('are not used where the vendor answers: its revocation is seen', async () => {
    const { forge } = lied.world
    const revoked = await forge.crl({ number: 101, revoked: [0x20001] })
    lied.world.lies = {
      vendor: ({ pathname }) =>
        pathname === '/vcek/v1/Genoa/crl' ? new Response(revoked) : undefined,
    }
    expect(await codeOf(handed(3, 30))).toBe('evidence_refused')
    expect(await codeOf(handed(3, 30, { collateral: { askVendors: false } }))).toBe('no error')
  })

  test('are refused when their vendor signed them too long ago, valid or not', async () => {
    expect(await codeOf(handed(15, 30))).toBe('evidence_refused')
    expect(await codeOf(handed(3, 30, { collateral: { maxAgeDays: 2 } }))).toBe('evidence_refused')
    expect(await codeOf(handed(15, 30, { collateral: { maxAgeDays: 16 } }))).toBe('no error')
  })

  test('are taken until their end where a vendor signs once a year', async () => {
    expect(await codeOf(handed(200, 365))).toBe('no error')
  })

  test.each([0, -1, Number.NaN, 91])('have no limit of %d days', async (maxAgeDays) => {
    expect(await codeOf(lied.world.connect({ collateral: { maxAgeDays } }))).toBe('bad_option')
  })
})

describe('chain endpoints that lie', () => {
  test('no endpoint: the gateway’s own list is not believed', async () => {
    expect(await codeOf(lied.world.connect({ registry: { endpoints: [] } }))).toBe(
      'allowlist_untrusted',
    )
  })

  test('the gateway’s word is taken only when told, and said so', async () => {
    const { clock, fetch, forge } = lied.world
    const cocoon = await connectWith({
      ...{ baseURL: `${GATEWAY}/v1`, trustGatewayAllowlist: true, allowSimulated: true },
      ...{ clock, fetch, random, provider: webProvider, gpu: 'optional' },
      simulation: {
        anchors: { ...PINNED_ANCHORS, sev: [forge.root] },
        collateral: await forge.collateral(),
      },
    })
    expect(cocoon.verification.allowlist.source).toBe('as told by gateway')
    expect(cocoon.verification.warnings.join()).toContain('as told by gateway')
  })

  test('one endpoint under two paths is one word', async () => {
    const registry = {
      endpoints: ['https://ton.test/a', 'https://ton.test/b'],
      address: REGISTRY_ADDRESS,
    }
    const connecting = lied.world.connect({ registry, allowSimulated: false })
    expect(await codeOf(connecting)).toBe('allowlist_untrusted')
  })

  test('two endpoints that disagree', async () => {
    lied.world.lies = {
      chain: (endpoint, state) =>
        endpoint === ENDPOINTS[0]
          ? registryAnswer({
              ...state,
              entries: [...state.entries, { kind: 'image', hash: 'ee'.repeat(32) }],
            })
          : undefined,
    }
    expect(await codeOf(lied.world.connect())).toBe('registry_disagrees')
  })

  test('a contract with other code at the Registry’s address', async () => {
    lied.world.lies = { chain: (_, state) => registryAnswer({ ...state, otherCode: true }) }
    expect(await codeOf(lied.world.connect())).toBe('registry_wrong')
  })

  test('a frozen state hides revocations', async () => {
    lied.world.lies = { chain: (_, state) => registryAnswer({ ...state, at: state.at - 601 }) }
    expect(await codeOf(lied.world.connect())).toBe('registry_stale')
  })

  test('a state that is nearly too old is not kept for as long again', async () => {
    lied.world.lies = { chain: (_, state) => registryAnswer({ ...state, at: state.at - 500 }) }
    const { verification } = await lied.world.connect()
    const now = Math.floor(lied.world.clock() / 1000)
    expect(verification.allowlist.readAt).toBeLessThanOrEqual(now - 500)
    expect(verification.runners[0]?.validUntil).toBeLessThanOrEqual(now + 100)
  })

  test('a version below one that was seen', async () => {
    const registry = { endpoints: ENDPOINTS, address: REGISTRY_ADDRESS, minVersion: 6 }
    expect(await codeOf(lied.world.connect({ registry }))).toBe('registry_stale')
  })

  test('a revoked image is refused as soon as the verdict is renewed', async () => {
    const cocoon = await lied.world.connect()
    const [image, ...others] = lied.world.entries
    if (image === undefined) throw new Error('unreachable')
    lied.world.version = 6
    lied.world.entries = [{ ...image, revokedAt: 2 }, ...others]
    lied.world.ahead = 601_000
    const { forge, clock } = lied.world
    lied.world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0' }))
    expect(await codeOf(ask(cocoon))).toBe('evidence_refused')
    lied.world.entries = [image, ...others]
  })
})
