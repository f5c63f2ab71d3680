import OpenAI from 'openai'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { encodeBundle, modelHash, NO_COLLATERAL, PINNED_ANCHORS } from '#attestation'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, concat, hex } from '#base/bytes.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import { contentAddress, webProvider } from '#protocol'
import { newAccountOwner } from './account-owner.ts'
import { type Connection, connectWith } from './connect.ts'
import type { ClientError } from './errors.ts'
import { createChequeBook } from './money/cheque-book.ts'
import { topUpLink } from './money/top-up-link.ts'
import type { ConnectOptions } from './options.ts'
import { ENDPOINTS, GATEWAY, makeWorld, type TestWorld, TILL } from './testing/lying-gateway.ts'
import { REGISTRY_ADDRESS, registryAnswer } from './testing/test-registry.ts'
import {
  type Answer,
  chunk,
  collected,
  listed,
  MODEL,
  makeRunner,
  random,
  WEIGHTS,
} from './testing/test-runner.ts'

const URL_CHAT = `${GATEWAY}/v1/chat/completions`
const MARK = 'a-very-secret-prompt'

let world: TestWorld

beforeAll(async () => {
  world = await makeWorld({ runners: 1 })
})

beforeEach(async () => {
  world.lies = {}
  world.ahead = 0
  world.version = 5
  world.sent.length = 0
  // A guard of replays and a keyset of its own for each test.
  const { forge, clock } = world
  world.runners.splice(0, world.runners.length, await makeRunner({ forge, clock, id: 'run_0' }))
})

const runner = () => {
  const [first] = world.runners
  if (first === undefined) throw new Error('the world has no runner')
  return first
}

function ask(cocoon: Connection, more: object = {}): Promise<Response> {
  const body = { model: MODEL, messages: [{ role: 'user', content: MARK }], ...more }
  return cocoon.fetch(URL_CHAT, { method: 'POST', body: JSON.stringify(body) })
}

/** The code under which a call is refused, whether it throws or answers. */
async function codeOf(work: Promise<Response | Connection | string>): Promise<string> {
  try {
    const result = await work
    if (!(result instanceof Response)) return 'no error'
    const text = await result.text()
    return result.ok ? 'no error' : String(JSON.parse(text).error.code)
  } catch (error) {
    // Sound: read as optional members only.
    return (error as Partial<ClientError>).code ?? String(error)
  }
}

describe('an honest market', () => {
  test('the official client works unmodified, and nobody on the way sees prompt or answer', async () => {
    const cocoon = await world.connect()
    const openai = new OpenAI({ baseURL: cocoon.baseURL, fetch: cocoon.fetch, apiKey: 'sk-test' })
    const messages = [{ role: 'user' as const, content: MARK }]
    const whole = await openai.chat.completions.create({ model: MODEL, messages })
    expect(whole.choices[0]?.message.content).toBe('Hello there')
    const stream = await openai.chat.completions.create({ model: MODEL, messages, stream: true })
    let text = ''
    for await (const part of stream) text += part.choices[0]?.delta.content ?? ''
    expect(text).toBe('Hello there')
    expect(runner().opened.join()).toContain(MARK)
    expect(world.seen.join()).not.toContain(MARK)
    expect(world.seen.join()).not.toContain('Hello there')
    expect(cocoon.verification).toMatchObject({
      status: 'simulated',
      allowlist: { source: 'registry', version: 5 },
      runners: [{ suite: 'ehbp-mlkem768-x25519' }],
      hosts: 1,
    })
    expect(cocoon.verification.warnings.join()).toContain('1 independent host')
  })

  test('how old keys and the evidence under them may be is shown (M9)', async () => {
    const [shown] = (await world.connect()).verification.runners
    // What lives for another hour was made a day before its end at the earliest.
    expect(shown?.keysSince).toBe(runner().keyset.not_after - 86_400)
  })

  test('the verified receipt is given with the answer', async () => {
    const cocoon = await world.connect()
    const response = await ask(cocoon)
    await response.text()
    const receipt = await cocoon.receiptOf(response)
    expect(receipt).toMatchObject({ runner: 'run_0', model: MODEL, cost: 14n })
  })

  test('a sealed error keeps its status and its text', async () => {
    runner().behaviour = { error: 400 }
    const response = await ask(await world.connect())
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: 'no' } })
  })
})

describe('a gateway that offers what it must not', () => {
  const refusal = () => codeOf(world.connect())

  test('a key of its own under the runner’s evidence', async () => {
    const { forge, clock } = world
    const own = await makeRunner({ forge, clock, id: 'run_9', payee: runner().payee })
    const honest = runner()
    // Session and report name the gateway's keyset; the quote was made over the runner's.
    world.lies = {
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
    world.lies = {
      json: (path) => (path.includes('/sessions/') ? { forged: true } : undefined),
    }
    expect(await refusal()).toBe('session_mismatch')
  })

  test('an old session of the same runner', async () => {
    const { forge, clock } = world
    const old = await makeRunner({ forge, clock, id: 'run_0', payee: runner().payee })
    world.lies = {
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
    world.lies = { json: (path) => (path.includes('/attestation') ? stale : undefined) }
    expect(await refusal()).toBe('evidence_refused')
  })

  test.each([
    ['expired keys', -1],
    ['keys that live for a week', 7 * 86_400],
  ])('%s', async (_, lifeSeconds) => {
    const { forge, clock } = world
    world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0', lifeSeconds }))
    expect(await refusal()).toBe('keyset_expired')
  })

  test('an image that the Registry does not list', async () => {
    const { forge, clock } = world
    const measurement = random(48)
    world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0', measurement }))
    expect(await refusal()).toBe('evidence_refused')
  })

  test('another model than the attested one', async () => {
    const { forge, clock } = world
    world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0', model: 'small' }))
    expect(await refusal()).toBe('keyset_mismatch')
  })

  test('simulated hardware, to a client that did not ask for it', async () => {
    expect(await codeOf(world.connect({ allowSimulated: false }))).toBe('simulated_refused')
  })

  test('forged hardware, to a client with the vendors’ roots', async () => {
    const { simulation: _, ...production } = { simulation: undefined, allowSimulated: false }
    const { fetch, clock } = world
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
    const { forge } = world
    const now = Math.floor(world.clock() / 1000)
    const thisUpdate = now - age * DAY
    const body = await forge.crl({ thisUpdate, nextUpdate: thisUpdate + life * DAY })
    const entry = { name: CRL, body, headers: {}, fetchedAt: unixSeconds(now) }
    const bundle = encodeBundle({
      created: unixSeconds(now),
      collateral: new Map([[CRL, entry]]),
    })
    const json = (path: string, honest: unknown) => (path.endsWith('/collateral') ? bundle : honest)
    world.lies = { ...world.lies, json }
    return world.connect({
      simulation: {
        anchors: { ...PINNED_ANCHORS, sev: [forge.root] },
        collateral: NO_COLLATERAL,
      },
      ...options,
    })
  }

  test('are used where the vendor does not answer, and shown with their age', async () => {
    const { verification } = await handed(3, 30)
    const issued = Math.floor(world.clock() / 1000) - 3 * DAY
    expect(verification.runners[0]?.handed).toEqual([{ name: CRL, issued }])
    const day = new Date(issued * 1000).toISOString().slice(0, 10)
    expect(verification.warnings.join()).toContain(
      `came from the gateway, the oldest signed on ${day}`,
    )
  })

  test('are not used where the vendor answers: its revocation is seen', async () => {
    const { forge } = world
    const revoked = await forge.crl({ number: 101, revoked: [0x20001] })
    world.lies = {
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
    expect(await codeOf(world.connect({ collateral: { maxAgeDays } }))).toBe('bad_option')
  })
})

describe('chain endpoints that lie', () => {
  test('no endpoint: the gateway’s own list is not believed', async () => {
    expect(await codeOf(world.connect({ registry: { endpoints: [] } }))).toBe('allowlist_untrusted')
  })

  test('the gateway’s word is taken only when told, and said so', async () => {
    const { clock, fetch, forge } = world
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
    const connecting = world.connect({ registry, allowSimulated: false })
    expect(await codeOf(connecting)).toBe('allowlist_untrusted')
  })

  test('two endpoints that disagree', async () => {
    world.lies = {
      chain: (endpoint, state) =>
        endpoint === ENDPOINTS[0]
          ? registryAnswer({
              ...state,
              entries: [...state.entries, { kind: 'image', hash: 'ee'.repeat(32) }],
            })
          : undefined,
    }
    expect(await codeOf(world.connect())).toBe('registry_disagrees')
  })

  test('a contract with other code at the Registry’s address', async () => {
    world.lies = { chain: (_, state) => registryAnswer({ ...state, otherCode: true }) }
    expect(await codeOf(world.connect())).toBe('registry_wrong')
  })

  test('a frozen state hides revocations', async () => {
    world.lies = { chain: (_, state) => registryAnswer({ ...state, at: state.at - 601 }) }
    expect(await codeOf(world.connect())).toBe('registry_stale')
  })

  test('a state that is nearly too old is not kept for as long again', async () => {
    world.lies = { chain: (_, state) => registryAnswer({ ...state, at: state.at - 500 }) }
    const { verification } = await world.connect()
    const now = Math.floor(world.clock() / 1000)
    expect(verification.allowlist.readAt).toBeLessThanOrEqual(now - 500)
    expect(verification.runners[0]?.validUntil).toBeLessThanOrEqual(now + 100)
  })

  test('a version below one that was seen', async () => {
    const registry = { endpoints: ENDPOINTS, address: REGISTRY_ADDRESS, minVersion: 6 }
    expect(await codeOf(world.connect({ registry }))).toBe('registry_stale')
  })

  test('a revoked image is refused as soon as the verdict is renewed', async () => {
    const cocoon = await world.connect()
    const [image, ...others] = world.entries
    if (image === undefined) throw new Error('unreachable')
    world.version = 6
    world.entries = [{ ...image, revokedAt: 2 }, ...others]
    world.ahead = 601_000
    const { forge, clock } = world
    world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0' }))
    expect(await codeOf(ask(cocoon))).toBe('evidence_refused')
    world.entries = [image, ...others]
  })
})

/** The frames of an answer, bent as a list. */
function bent(bend: (frames: Bytes[]) => Bytes[]) {
  return (answer: Answer): Answer => ({
    ...answer,
    frames: (async function* () {
      const frames = await collected(answer.frames)
      yield* bend(frames)
    })(),
  })
}

const flipped = (frame: Bytes): Bytes => frame.map((byte, i) => (i === 9 ? byte ^ 1 : byte))

describe('a gateway that bends the answer', () => {
  test.each<[string, string, (frames: Bytes[]) => Bytes[]]>([
    ['the END cut off', 'answer_cut', (frames) => frames.slice(0, -1)],
    [
      'cut inside a frame',
      'answer_cut',
      (frames) => [...frames.slice(0, 1), frames[1]?.subarray(0, 9) ?? random(1)],
    ],
    [
      'a bit flipped',
      'answer_broken',
      ([first = random(1), ...rest]) => [first, ...rest.map(flipped)],
    ],
    ['reordered', 'answer_broken', ([a = random(1), b = random(1), ...rest]) => [b, a, ...rest]],
    ['a frame repeated', 'answer_broken', ([a = random(1), ...rest]) => [a, a, ...rest]],
    ['bytes after the END', 'answer_broken', (frames) => [...frames, random(20)]],
    [
      'a frame of 4 GiB announced',
      'answer_broken',
      (frames) => [Uint8Array.of(255, 255, 255, 255), ...frames],
    ],
  ])('%s: %s, and never a complete answer', async (_, code, bend) => {
    world.lies = { answer: bent(bend) }
    const cocoon = await world.connect()
    const response = await ask(cocoon, { stream: true })
    if (!response.ok) {
      // Lost before its first frame: nothing of it was shown.
      expect([code, 'runner_gone']).toContain(await codeOf(Promise.resolve(response)))
      return
    }
    let text = ''
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const part of response.body ?? []) text += decoder.decode(part)
      return text
    })()
    expect(await codeOf(reading)).toBe(code)
    expect(text).not.toContain('[DONE]')
  })

  test('an answer of another request', async () => {
    const cocoon = await world.connect()
    const kept: Bytes[] = []
    world.lies = {
      answer: bent((frames) => {
        kept.push(...frames)
        return frames
      }),
    }
    await (await ask(cocoon)).text()
    world.lies = { answer: bent(() => kept) }
    expect(await codeOf(ask(cocoon))).toBe('answer_broken')
  })

  test('plain text instead of a sealed answer', async () => {
    world.lies = { instead: () => Response.json({ choices: [] }) }
    expect(await codeOf(ask(await world.connect()))).toBe('answer_unsealed')
  })

  test('the status turned into a success', async () => {
    runner().behaviour = { error: 400 }
    world.lies = { answer: (answer) => ({ ...answer, status: 200 }) }
    expect(await codeOf(ask(await world.connect()))).toBe('answer_mislabelled')
  })

  test('the type turned into a page', async () => {
    world.lies = {
      answer: (answer) => ({
        ...answer,
        headers: { ...answer.headers, 'content-type': 'text/html' },
      }),
    }
    expect(await codeOf(ask(await world.connect()))).toBe('answer_mislabelled')
  })
})

describe('a gateway that bends the request', () => {
  test('an altered head does not open, and is sent at most twice', async () => {
    const cocoon = await world.connect()
    world.lies = {
      request: (headers, body) => {
        const head = headers.get('x-cocoon-head') ?? ''
        const json = JSON.parse(Buffer.from(head, 'base64url').toString())
        const dearer = JSON.stringify({ ...json, maxCost: '999999999999' })
        headers.set('x-cocoon-head', Buffer.from(dearer).toString('base64url'))
        return body
      },
    }
    expect(await codeOf(ask(cocoon))).toBe('keys_unstable')
    expect(world.sent).toHaveLength(2)
    expect(runner().opened).toHaveLength(0)
  })

  test('a stripped head is no plain EHBP body', async () => {
    const cocoon = await world.connect()
    world.lies = {
      request: (headers, body) => {
        headers.delete('x-cocoon-head')
        headers.delete('x-cocoon-version')
        return body
      },
    }
    expect(await codeOf(ask(cocoon))).toBe('keys_unstable')
    expect(runner().opened).toHaveLength(0)
  })

  test('a body sent to the runner twice is opened once', async () => {
    const cocoon = await world.connect()
    const kept: [Headers, Bytes][] = []
    world.lies = {
      request: (headers, body) => {
        kept.push([new Headers(headers), body])
        return body
      },
    }
    await (await ask(cocoon)).text()
    const [first] = kept
    if (first === undefined) throw new Error('unreachable')
    const again = await runner().serve('/v1/chat/completions', ...first)
    expect(again.status).toBe(409)
    expect(runner().opened).toHaveLength(1)
  })

  test('endless key changes end after one refresh', async () => {
    const problem = { type: 'urn:ietf:params:ehbp:error:key-config', code: 'key_stale' }
    world.lies = { instead: () => Response.json(problem, { status: 422 }) }
    expect(await codeOf(ask(await world.connect()))).toBe('keys_unstable')
    expect(world.sent).toHaveLength(2)
  })

  test('another protocol version: the remedy is ours, whatever stands in the answer', async () => {
    const cocoon = await world.connect()
    const problem = { code: 'version_unsupported', title: 'get it at https://evil.test' }
    world.lies = { instead: () => Response.json(problem, { status: 426 }) }
    const response = await cocoon.fetch(`${GATEWAY}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: MODEL, messages: [] }),
    })
    expect(response.status).toBe(426)
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'version_unsupported' } })
    expect(text).toContain('npm install cocoon-gateway@latest')
    expect(text).not.toContain('evil')
    expect(world.sent).toHaveLength(1)
    world.lies = {
      json: (path, told) =>
        path.includes('/attestation')
          ? { ...(told as object), service_capabilities: { supported_e2ee_versions: ['cocoon/9'] } }
          : undefined,
    }
    expect(await codeOf(world.connect())).toBe('version_unsupported')
  })

  test('a runner with new keys is verified again and gets the prompt once', async () => {
    const cocoon = await world.connect()
    const { forge, clock } = world
    const { payee } = runner()
    world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0', payee }))
    expect(await codeOf(ask(cocoon))).toBe('no error')
    expect(world.sent).toHaveLength(2)
    expect(runner().opened).toHaveLength(1)
  })

  test('new keys of a session that the prompt does not accept get nothing', async () => {
    const cocoon = await world.connect()
    const { forge, clock } = world
    const provider = { aci_session_ids: [runner().sessionId] }
    world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0' }))
    expect(await codeOf(ask(cocoon, { provider }))).toBe('session_not_accepted')
    expect(runner().opened).toEqual([])
  })
})

describe('a gateway that swaps the model', () => {
  const SMALL = 'small-model'
  const big = { model: 'big-model', messages: [{ role: 'user', content: MARK }] }
  const askBig = (cocoon: Connection) =>
    codeOf(cocoon.fetch(URL_CHAT, { method: 'POST', body: JSON.stringify(big) }))
  const offering = (model: string) => ({
    json: (path: string) =>
      path === '/v1/runners'
        ? { data: [{ id: 'run_0', model, session_id: runner().sessionId }] }
        : undefined,
  })
  const becomes = async (model: string) => {
    const { forge, clock } = world
    world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0', model }))
  }

  beforeEach(async () => {
    const hash = await modelHash(SMALL, WEIGHTS)
    if (world.entries.every((entry) => entry.hash !== hash)) {
      world.entries.push({ kind: 'model', hash })
    }
  })

  test('a machine verified for one model is not asked for another (H18)', async () => {
    await becomes(SMALL)
    world.lies = offering(SMALL)
    const cocoon = await world.connect()
    world.lies = offering(big.model)
    world.ahead += 61_000
    expect(await askBig(cocoon)).toBe('keyset_mismatch')
    expect(runner().opened).toEqual([])
  })

  test('nor after it said that its keys changed (H18)', async () => {
    const cocoon = await world.connect()
    await becomes(SMALL)
    world.lies = offering(SMALL)
    expect(await codeOf(ask(cocoon))).not.toBe('no error')
    expect(runner().opened).toEqual([])
  })
})

describe('receipts and bills', () => {
  const dear = {
    input: nanoPerMillion(2_000_000n),
    cached: nanoPerMillion(500_000n),
    output: nanoPerMillion(2_000_000n),
  }
  test.each<[string, string, object]>([
    ['no receipt', 'receipt_mismatch', { withoutReceipt: true }],
    [
      'a receipt for another endpoint',
      'receipt_mismatch',
      { receipt: (r: object) => ({ ...r, endpoint: '/v1/embeddings' }) },
    ],
    [
      'a receipt of last week',
      'receipt_mismatch',
      { receipt: (r: { served_at: number }) => ({ ...r, served_at: r.served_at - 604_800 }) },
    ],
    [
      'more prompt tokens than the prompt has bytes',
      'bill_implausible',
      { usage: { prompt_tokens: 1_000_000 } },
    ],
    [
      'more tokens than the answer has bytes',
      'bill_implausible',
      { usage: { completion_tokens: 100_000 } },
    ],
    ['a higher price than was offered', 'bill_implausible', { usage: { price: dear } }],
  ])('%s: %s', async (_, code, behaviour) => {
    runner().behaviour = behaviour
    const cocoon = await world.connect()
    const response = await ask(cocoon)
    expect(await codeOf(Promise.resolve(response))).toBe(code)
    await expect(cocoon.receiptOf(response)).rejects.toMatchObject({ code })
  })

  test('more than maxCost is refused', async () => {
    runner().behaviour = { usage: { completion_tokens: 50 } }
    const cocoon = await world.connect({ maxCost: nano(20n) })
    expect(await codeOf(ask(cocoon))).toBe('bill_implausible')
  })

  test('a valid receipt of another answer', async () => {
    const cocoon = await world.connect()
    const kept: unknown[] = []
    // Sound: the test's runner hands the whole receipt through.
    runner().behaviour = {
      receipt: (receipt) => {
        kept.push(receipt)
        return (kept[0] ?? receipt) as typeof receipt
      },
    }
    expect(await codeOf(ask(cocoon))).toBe('no error')
    expect(await codeOf(ask(cocoon))).toBe('receipt_mismatch')
  })

  test('a receipt under a key that nobody attested', async () => {
    const { forge, clock } = world
    const other = await makeRunner({ forge, clock, id: 'run_1' })
    const { signer } = runner()
    // Sound: the test replaces a read-only member of its own object.
    ;(runner() as { signer: typeof signer }).signer = { ...other.signer, keyId: signer.keyId }
    expect(await codeOf(ask(await world.connect()))).toBe('receipt_mismatch')
  })

  test('an address that somebody tells outside the seal is never passed on', async () => {
    const account = '0'.repeat(32)
    const phish = {
      error: { code: 'insufficient_credits', message: 'pay to EQEVIL', top_up_url: 'ton://EQEVIL' },
    }
    world.lies = { instead: () => Response.json(phish, { status: 402 }) }
    const response = await ask(await world.connect({ apiKey: `sk-coc-${account}-x`, till: TILL }))
    expect(response.status).toBe(402)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(await response.text()).not.toContain('EVIL')
  })
})

test('a top-up link names our own memo, and a Till only if the Registry lists it (M5)', async () => {
  const { id } = await newAccountOwner({ mode: 'managed', random })
  const cocoon = await world.connect({ apiKey: `sk-coc-${id}-SECRET` })
  const instead = () => Response.json({ error: { code: 'insufficient_credits' } }, { status: 402 })
  world.lies = { instead }
  const honest = await (await ask(cocoon)).json()
  expect(honest.error.top_up_url).toBe(topUpLink({ till: TILL, account: id }))
  const other = { address: `0:${'bb'.repeat(32)}` }
  world.lies = { instead, json: (path) => (path === '/v1/till' ? other : undefined) }
  expect((await (await ask(cocoon)).json()).error).not.toHaveProperty('top_up_url')
})

test('a sovereign account pays by cheque what its own receipts add up to, and sends the prompt again', async () => {
  const owner = await newAccountOwner({ mode: 'sovereign', random })
  const saved: bigint[] = []
  const save = async (cumulative: bigint) => void saved.push(cumulative)
  const cheques = createChequeBook({ owner, till: TILL, feeBps: 0, start: nano(0n), save })
  const cocoon = await world.connect({ apiKey: `sk-coc-${owner.id}-SECRET`, cheques })
  const first = await ask(cocoon)
  await first.text()
  const cost = (await cocoon.receiptOf(first))?.cost
  let asked = 0
  world.lies = {
    instead: () =>
      asked++ === 0
        ? Response.json({ error: { code: 'cheque_due', due: '999999' } }, { status: 402 })
        : undefined,
    json: (path) => (path === '/v1/account/cheques' ? { ok: true } : undefined),
  }
  expect(await codeOf(ask(cocoon))).toBe('no error')
  expect(saved).toEqual([cost])
  const posted = world.seen.find((text) => text.startsWith('{"till"')) ?? ''
  expect(JSON.parse(posted)).toMatchObject({ account: owner.id, cumulative: String(cost) })
})

test('a gateway that wants a cheque for nothing gets none', async () => {
  const due = { error: { code: 'cheque_due' } }
  world.lies = { instead: () => Response.json(due, { status: 402 }) }
  expect(await codeOf(ask(await world.connect()))).toBe('cheque_due')
  expect(world.sent).toHaveLength(1)
})

test('no wire byte or header tells the sealed request’s cache key', async () => {
  const cocoon = await world.connect()
  await (await ask(cocoon, { prompt_cache_key: 'user-42' })).text()
  const [opened = ''] = runner().opened
  expect(opened).not.toContain('user-42')
  expect(JSON.parse(opened)).toMatchObject({
    prompt_cache_key: expect.stringMatching(/^[\w-]{43}$/),
    cache_salt: expect.stringMatching(/^[\w-]{43}$/),
  })
})

test('reads of one byte, and ten thousand zero frames, change nothing', async () => {
  world.lies = {
    answer: bent((frames) => {
      const wire = concat(new Uint8Array(40_000), ...frames)
      return Array.from(wire, (byte) => Uint8Array.of(byte))
    }),
  }
  const cocoon = await world.connect()
  expect(await (await ask(cocoon, { stream: true })).text()).toContain('data: [DONE]')
})

test('a reader that stops stops the runner, and a long answer waits for its reader', async () => {
  let made = 0
  async function* endless() {
    for (;;) {
      made++
      yield chunk(hex(random(8_000)))
    }
  }
  runner().behaviour = { events: endless() }
  const response = await ask(await world.connect(), { stream: true })
  const reader = response.body?.getReader()
  for (let i = 0; i < 20; i++) await reader?.read()
  // One frame is read ahead for its type; nothing else runs ahead of the reader.
  expect(made).toBeLessThan(24)
  await reader?.cancel()
  const stopped = made
  await new Promise((next) => setImmediate(next))
  expect(made).toBe(stopped)
})

test('events that were listed are all delivered in order', async () => {
  runner().behaviour = { events: listed(Array.from({ length: 300 }, (_, i) => chunk(`<${i}>`))) }
  const text = await (await ask(await world.connect(), { stream: true })).text()
  const found = [...text.matchAll(/<(\d+)>/g)].map(([, number]) => Number(number))
  expect(found).toEqual(Array.from({ length: 300 }, (_, i) => i))
})
