import { describe, expect, test } from 'vitest'
import { type Bytes, base64url, concat, fromBase64url, utf8 } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import type { Provider } from './crypto.ts'
import { readEnvelope } from './envelope.ts'
import { nodeProvider } from './node.ts'
import {
  type OpenedRequest,
  openRequest,
  type RequestFacts,
  type RunnerKeys,
} from './open-request.ts'
import { sealRequest } from './seal-request.ts'
import {
  BODY,
  codeOf,
  facts,
  headInput,
  NOW,
  random,
  runnerKeys,
  SUITE_NAMES,
} from './testing/fixtures.ts'
import { webProvider } from './web.ts'

interface Wire {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Bytes
}

async function open(
  keys: RunnerKeys,
  wire: Wire,
  changes: Partial<RequestFacts> = {},
  provider: Provider = nodeProvider,
): Promise<OpenedRequest> {
  const envelope = readEnvelope((name) => wire.headers[name], provider)
  return await openRequest(provider, { envelope, body: wire.body, keys, facts: facts(changes) })
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe.each(SUITE_NAMES)('request under %s', (suite) => {
  test.each([
    ['node', 'web', nodeProvider, webProvider],
    ['web', 'node', webProvider, nodeProvider],
  ] as const)(
    'sealed on %s opens on %s, and the answer comes back',
    async (_, __, client, runner) => {
      const keys = await runnerKeys({ provider: runner })
      const { publicKey } = keys.sealing[suite]
      for (const head of [headInput(), undefined]) {
        const sealed = await sealRequest<'sync' | 'async'>(client, {
          suite,
          publicKey,
          body: BODY,
          ...(head === undefined ? {} : { head }),
        })
        const opened = await open(keys, sealed, {}, runner)
        expect(text(opened.plaintext).trimEnd()).toBe(text(BODY))
        expect(opened.commitmentKey).toEqual(sealed.commitmentKey)
        const { headers, keys: own } = opened.respond(random(32))
        const answer = await runner.bodies.sealWhole(own, utf8('answer'))
        const opener = sealed.opener(headers['ehbp-response-nonce'] ?? '')
        expect(text(concat(...(await opener.push(answer))))).toBe('answer')
        expect(await codeOf(() => opener.end())).toBe('no error')
        expect(opener.ended).toBe(head !== undefined)
      }
    },
  )

  test('a cocoon/1 body has the size of its bucket, an EHBP body its own', async () => {
    const keys = await runnerKeys()
    const { publicKey } = keys.sealing[suite]
    const head = headInput()
    const padded = await sealRequest(nodeProvider, { suite, publicKey, head, body: BODY })
    const plain = await sealRequest(nodeProvider, { suite, publicKey, body: BODY })
    expect(padded.body.length).toBe(4 + 1024 + 16 + 4 + 16)
    expect(plain.body.length).toBe(4 + BODY.length + 16)
  })
})

describe('request', () => {
  const suite = 'ehbp-x25519'
  const other = 'ehbp-mlkem768-x25519'

  async function sealedTo(
    keys: Awaited<ReturnType<typeof runnerKeys>>,
    head = headInput(),
  ): Promise<Wire> {
    const { publicKey } = keys.sealing[suite]
    return await sealRequest(nodeProvider, { suite, publicKey, head, body: BODY })
  }

  test('a second use of the same key is refused before decrypting, in any spelling', async () => {
    const keys = await runnerKeys()
    const wire = await sealedTo(keys)
    await open(keys, wire)
    expect(await codeOf(() => open(keys, wire))).toBe('replayed')
    // The first use counts even when its body does not open.
    const broken = await sealedTo(keys)
    expect(await codeOf(() => open(keys, { ...broken, body: random(64) }))).not.toBe('no error')
    expect(await codeOf(() => open(keys, broken))).toBe('replayed')
  })

  test('a full replay set refuses work and tells the runner to rotate', async () => {
    const keys = await runnerKeys({ capacity: 1 })
    const first = await sealedTo(keys)
    await open(keys, first)
    const second = await sealedTo(keys)
    expect(await codeOf(() => open(keys, second))).toBe('replay_full')
    expect(await codeOf(() => open(keys, first))).toBe('replayed')
    expect(keys.guard.load).toBe(1)
  })

  test('sealed to another runner, or to an older key, it is stale', async () => {
    const wire = await sealedTo(await runnerKeys())
    expect(await codeOf(async () => open(await runnerKeys(), wire))).toBe('key_stale')
  })

  test('a body cut at any byte is refused', async () => {
    const keys = await runnerKeys()
    const wire = await sealedTo(keys)
    for (let length = 0; length < wire.body.length; length += 7) {
      const fresh = { ...keys, guard: (await runnerKeys()).guard }
      const cut = { ...wire, body: wire.body.subarray(0, length) }
      const code = await codeOf(() => open(fresh, cut))
      expect(['end_missing', 'frame_truncated', 'frame_unauthentic']).toContain(code)
    }
  })

  test('an altered body, an END cut off, data after END: refused', async () => {
    const keys = await runnerKeys()
    const wires = [
      await sealedTo(keys),
      await sealedTo(keys),
      await sealedTo(keys),
      await sealedTo(keys),
    ]
    const [a, b, c, d] = wires.map(({ body }) => body)
    if (!a || !b || !c || !d) throw new Error('four bodies')
    a[20] = (a[20] ?? 0) ^ 1
    const lastAltered = new Uint8Array(b)
    lastAltered[b.length - 1] = (b[b.length - 1] ?? 0) ^ 1
    const bodies = [
      [a, 'key_stale'],
      [lastAltered, 'frame_unauthentic'],
      [c.subarray(0, c.length - 20), 'end_missing'],
      [concat(d, new Uint8Array(4)), 'end_trailing'],
    ] as const
    for (const [i, [body, code]] of bodies.entries()) {
      const headers = wires[i]?.headers ?? {}
      expect(await codeOf(() => open(keys, { headers, body }))).toBe(code)
    }
  })

  test('several frames and zero frames open as one body in plain EHBP', async () => {
    const keys = await runnerKeys()
    const { hpke } = nodeProvider.suites[suite]
    const recipient = await hpke.DeserializePublicKey(keys.sealing[suite].publicKey)
    const { encapsulatedSecret, ctx } = await hpke.SetupSender(recipient, {
      info: utf8('ehbp request'),
    })
    const framed = async (part: string): Promise<Bytes> => {
      const ciphertext = await ctx.Seal(utf8(part))
      return concat(Uint8Array.of(0, 0, 0, ciphertext.length), ciphertext)
    }
    const zeros = new Uint8Array(40_000)
    const body = concat(zeros, await framed('one'), zeros, await framed('two'), zeros)
    const headers = { 'ehbp-encapsulated-key': Buffer.from(encapsulatedSecret).toString('hex') }
    expect(text((await open(keys, { headers, body })).plaintext)).toBe('onetwo')
  })

  test.each([
    ['path', { path: '/v1/embeddings' }],
    ['model', { model: 'other' }],
    ['session', { session: 'cd'.repeat(32) }],
    ['maxCost', { maxCost: nano(2_000_000n) }],
    ['notAfter', { notAfter: NOW + 61 }],
  ] as const)('a head whose %s was altered on the way does not open', async (_, change) => {
    const keys = await runnerKeys()
    const wire = await sealedTo(keys)
    const source = JSON.parse(text(fromBase64url(wire.headers['x-cocoon-head'] ?? '')))
    const changed = {
      ...source,
      ...change,
      maxCost: String('maxCost' in change ? change.maxCost : source.maxCost),
    }
    const sorted = JSON.stringify(Object.fromEntries(Object.entries(changed).sort()))
    const headers = { ...wire.headers, 'x-cocoon-head': base64url(utf8(sorted)) }
    // The runner is told the altered fact too: only the seal can notice.
    const lie = 'path' in change || 'model' in change || 'session' in change ? change : {}
    expect(await codeOf(() => open(keys, { ...wire, headers }, lie))).toBe('key_stale')
  })

  test.each([
    ['path', { path: '/v1/embeddings' }, 'head_mismatch'],
    ['model', { model: 'other' }, 'head_mismatch'],
    ['session', { session: 'cd'.repeat(32) }, 'head_mismatch'],
    ['time', { now: NOW + 61 }, 'head_expired'],
    ['price', { maxCost: nano(1_000_001n) }, 'cost_above_maximum'],
  ] as const)(
    'rerouted to another %s it is refused, and its key stays unused',
    async (_, lie, code) => {
      const keys = await runnerKeys()
      const wire = await sealedTo(keys)
      expect(await codeOf(() => open(keys, wire, lie))).toBe(code)
      expect(await codeOf(() => open(keys, wire))).toBe('no error')
    },
  )

  test('the head names the suite: the hybrid key cannot be dropped', async () => {
    const keys = await runnerKeys()
    const wire = await sealedTo(keys)
    const source = text(fromBase64url(wire.headers['x-cocoon-head'] ?? ''))
    const headers = {
      ...wire.headers,
      'x-cocoon-head': base64url(utf8(source.replace(suite, other))),
    }
    expect(await codeOf(() => open(keys, { ...wire, headers }))).toBe('head_mismatch')
  })

  test('stripped to plain EHBP, a cocoon/1 body does not open', async () => {
    const keys = await runnerKeys()
    const { body, headers } = await sealedTo(keys)
    const stripped = { 'ehbp-encapsulated-key': headers['ehbp-encapsulated-key'] ?? '' }
    expect(await codeOf(() => open(keys, { headers: stripped, body }))).toBe('key_stale')
  })

  test('an answer to one request does not open as the answer to another', async () => {
    const keys = await runnerKeys()
    const { publicKey } = keys.sealing[suite]
    const head = headInput()
    const [a, b] = [
      await sealRequest(nodeProvider, { suite, publicKey, head, body: BODY }),
      await sealRequest(nodeProvider, { suite, publicKey, head, body: BODY }),
    ]
    const { headers, keys: own } = (await open(keys, a)).respond(random(32))
    const answer = nodeProvider.bodies.sealWhole(own, utf8('to a'))
    const nonce = headers['ehbp-response-nonce'] ?? ''
    expect(await codeOf(() => b.opener(nonce).push(answer))).toBe('frame_unauthentic')
    const swapped = nonce.replace(/^../, nonce.startsWith('00') ? '01' : '00')
    expect(await codeOf(() => a.opener(swapped).push(answer))).toBe('frame_unauthentic')
    for (const bad of [
      '',
      nonce.slice(2),
      nonce.toUpperCase().replace(/^../, 'FF'),
      `${nonce},${nonce}`,
    ]) {
      expect(await codeOf(() => a.opener(bad))).toBe('header_invalid')
    }
  })

  test('an empty body is END alone', async () => {
    const keys = await runnerKeys()
    const { publicKey } = keys.sealing[suite]
    const body = new Uint8Array(0)
    const wire = await sealRequest(nodeProvider, { suite, publicKey, head: headInput(), body })
    expect((await open(keys, wire)).plaintext).toHaveLength(0)
  })

  test('a runner without a key of the suite says so', async () => {
    const keys = await runnerKeys()
    const wire = await sealedTo(keys)
    const bare = { ...keys, sealing: { [other]: keys.sealing[other] } }
    expect(await codeOf(() => open(bare, wire))).toBe('suite_unsupported')
  })
})
