import { describe, expect, test } from 'vitest'
import { base64url, concat, fromBase64url, utf8 } from '#base/bytes.ts'
import type { Provider } from './crypto.ts'
import { readEnvelope } from './envelope.ts'
import { nodeProvider } from './node.ts'
import {
  type OpenedRequest,
  openRequest,
  type RequestFacts,
  type RunnerKeys,
} from './open-request.ts'
import { openSession, SESSION_SECONDS, Session, type SessionRequest } from './session.ts'
import { SessionTable } from './session-table.ts'
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

type AnyMode = 'sync' | 'async'

async function deliver(
  keys: RunnerKeys,
  request: Pick<SessionRequest<AnyMode>, 'headers'>,
  body: Uint8Array,
  changes: Partial<RequestFacts> = {},
  provider: Provider = nodeProvider,
): Promise<OpenedRequest> {
  const envelope = readEnvelope((name) => request.headers[name], provider)
  return await openRequest(provider, { envelope, body, keys, facts: facts(changes) })
}

const next = (session: Session<'sync'>, attempt = 1, now = NOW): SessionRequest<'sync'> =>
  session.next({ head: headInput(), attempt, now })

describe.each(SUITE_NAMES)('session under %s', (suite) => {
  test.each([
    ['node', 'web', nodeProvider, webProvider],
    ['web', 'node', webProvider, nodeProvider],
  ] as const)(
    'many requests of a %s gateway open on a %s runner',
    async (_, __, gateway, runner) => {
      const keys = await runnerKeys({ provider: runner })
      const { publicKey } = keys.sealing[suite]
      const session: Session<AnyMode> = await openSession<AnyMode>(gateway, {
        suite,
        publicKey,
        now: NOW,
      })
      const requests = Array.from({ length: 8 }, () =>
        session.next({ head: headInput(), attempt: 1, now: NOW }),
      )
      // First uses arrive together and out of order: they share one context.
      const opened = await Promise.all(
        requests.toReversed().map(async (request) => {
          const wire = await request.sealBody(BODY)
          return { request, opened: await deliver(keys, request, wire, {}, runner) }
        }),
      )
      expect(keys.sessions.size).toBe(1)
      for (const { request, opened: got } of opened) {
        expect(Buffer.from(got.plaintext).toString().trimEnd()).toBe(Buffer.from(BODY).toString())
        expect(got.commitmentKey).toEqual(request.commitmentKey)
        const { headers, keys: own } = got.respond(random(32))
        const answer = await runner.bodies.sealWhole(own, utf8('answer'))
        const opener = request.opener(headers['ehbp-response-nonce'] ?? '')
        expect(Buffer.from(concat(...(await opener.push(answer)))).toString()).toBe('answer')
        expect(opener.ended).toBe(true)
      }
    },
  )
})

describe('session', () => {
  const suite = 'ehbp-x25519'

  async function pair(): Promise<{ keys: RunnerKeys; session: Session<'sync'> }> {
    const keys = await runnerKeys()
    const { publicKey } = keys.sealing[suite]
    return { keys, session: await openSession(nodeProvider, { suite, publicKey, now: NOW }) }
  }

  test('a seen counter is refused, also when its body did not open', async () => {
    const { keys, session } = await pair()
    const first = next(session)
    const wire = first.sealBody(BODY)
    await deliver(keys, first, wire)
    expect(await codeOf(() => deliver(keys, first, wire))).toBe('counter_reused')
    const second = next(session)
    expect(await codeOf(() => deliver(keys, second, random(100)))).not.toBe('no error')
    expect(await codeOf(() => deliver(keys, second, second.sealBody(BODY)))).toBe('counter_reused')
  })

  test('counters never repeat and no two requests share a key', async () => {
    const { session } = await pair()
    const requests = Array.from({ length: 100 }, () => next(session))
    expect(new Set(requests.map(({ headers }) => headers['x-cocoon-counter'])).size).toBe(100)
    expect(
      new Set(requests.map(({ commitmentKey }) => Buffer.from(commitmentKey).toString('hex'))).size,
    ).toBe(100)
    expect(
      new Set(requests.map((request) => Buffer.from(request.sealBody(BODY)).toString('hex'))).size,
    ).toBe(100)
    expect(new Set(requests.map(({ binding }) => binding)).size).toBe(100)
  })

  test('a request seals one body: a second one would repeat its nonces', async () => {
    const { session } = await pair()
    const request = next(session)
    request.sealBody(BODY)
    expect(await codeOf(() => request.sealBody(utf8('other')))).toBe('bad_input')
  })

  test('a session body without its END, or with bytes after it, is refused', async () => {
    const { keys, session } = await pair()
    const [cut, long] = [next(session), next(session)]
    const wire = cut.sealBody(BODY)
    expect(await codeOf(() => deliver(keys, cut, wire.subarray(0, wire.length - 20)))).toBe(
      'end_missing',
    )
    const more = concat(long.sealBody(BODY), new Uint8Array(4))
    expect(await codeOf(() => deliver(keys, long, more))).toBe('end_trailing')
  })

  test('another counter, attempt or head than the sealed one does not open', async () => {
    const { keys, session } = await pair()
    const a = next(session, 2)
    const wire = a.sealBody(BODY)
    const head = Buffer.from(fromBase64url(a.headers['x-cocoon-head'] ?? '')).toString()
    const lies = [
      [{ ...a.headers, 'x-cocoon-counter': '9' }, { attempt: 2 }],
      [
        { ...a.headers, 'x-cocoon-head': base64url(utf8(head.replace('1000000', '2000000'))) },
        { attempt: 2 },
      ],
    ] as const
    for (const [headers, lie] of lies) {
      const fresh = await codeOf(() => deliver(keys, { headers }, wire, lie))
      expect(['key_stale', 'counter_reused']).toContain(fresh)
    }
    const b = next(session, 2)
    expect(await codeOf(() => deliver(keys, b, b.sealBody(BODY), { attempt: 3 }))).toBe('key_stale')
  })

  test('an answer sealed twice under one counter uses two keys', async () => {
    const { keys, session } = await pair()
    const request = next(session)
    const opened = await deliver(keys, request, request.sealBody(BODY))
    const [a, b] = [opened.respond(random(32)), opened.respond(random(32))]
    expect(a.keys.key).not.toEqual(b.keys.key)
  })

  test('the gateway drops a context after 5 minutes or 2^20 requests', async () => {
    const { session } = await pair()
    expect(session.usable(NOW + SESSION_SECONDS - 1)).toBe(true)
    expect(session.usable(NOW + SESSION_SECONDS)).toBe(false)
    expect(await codeOf(() => next(session, 1, NOW + SESSION_SECONDS))).toBe('session_gone')
    const used = new Session(nodeProvider, {
      suite,
      enc: random(32),
      secret: random(32),
      closesAt: NOW + 10,
      uses: 1,
    })
    next(used)
    expect(await codeOf(() => next(used))).toBe('session_gone')
  })

  test('the runner drops a context at its expiry and never takes its key again', async () => {
    const { keys, session } = await pair()
    const early = next(session)
    await deliver(keys, early, early.sealBody(BODY))
    const late = next(session)
    const after = NOW + SESSION_SECONDS + 61
    const head = headInput({ notAfter: after })
    const slow = session.next({ head, attempt: 1, now: NOW })
    expect(await codeOf(() => deliver(keys, slow, slow.sealBody(BODY), { now: after }))).toBe(
      'session_gone',
    )
    expect(keys.sessions.size).toBe(0)
    // Even a clock that goes back does not revive it.
    expect(await codeOf(() => deliver(keys, late, late.sealBody(BODY)))).toBe('session_gone')
  })

  test('contexts die with the keys of the runner: a restart refuses them as stale', async () => {
    const { session } = await pair()
    const request = next(session)
    const restarted = await runnerKeys()
    expect(await codeOf(() => deliver(restarted, request, request.sealBody(BODY)))).toBe(
      'key_stale',
    )
  })

  test('a sealed request cannot be replayed as a session, nor a session key as a request', async () => {
    const { keys, session } = await pair()
    const request = next(session)
    const wire = request.sealBody(BODY)
    await deliver(keys, request, wire)
    const headers = {
      'x-cocoon-version': '1',
      'x-cocoon-head': request.headers['x-cocoon-head'] ?? '',
      'ehbp-encapsulated-key': request.headers['x-cocoon-session'] ?? '',
    }
    expect(await codeOf(() => deliver(keys, { headers }, wire))).toBe('replayed')
  })

  test('contexts are limited, and expired ones make room', async () => {
    const keys = await runnerKeys()
    const { publicKey } = keys.sealing[suite]
    const limited = { ...keys, sessions: new SessionTable(keys.guard, 2) }
    const send = async (now: number): Promise<string> => {
      const session = await openSession(nodeProvider, { suite, publicKey, now })
      const request = session.next({ head: headInput({ notAfter: now }), attempt: 1, now })
      return await codeOf(() => deliver(limited, request, request.sealBody(BODY), { now }))
    }
    expect([await send(NOW), await send(NOW), await send(NOW)]).toEqual([
      'no error',
      'no error',
      'session_limit',
    ])
    expect(await send(NOW + SESSION_SECONDS + 60)).toBe('no error')
  })

  test.each([0, -1, 1.5, 1001])('attempt %d is refused', async (attempt) => {
    const { session } = await pair()
    expect(await codeOf(() => next(session, attempt))).toBe('bad_input')
  })
})
