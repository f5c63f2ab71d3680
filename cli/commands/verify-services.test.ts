import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RUNNER_ID } from '../verify/testing/forged-runner.ts'
import { lineOf, useRunners } from '../verify/testing/two-runners.ts'
import { offline, openPlace, type Place } from '../verify/testing/verify-in.ts'

const NONCE = '2a'.repeat(32)

const here = useRunners()

describe('services', () => {
  let server: Server
  let web: Place
  let origin: string
  let answers: Record<string, (nonce: string | null, key: string | undefined) => Promise<unknown>>

  beforeAll(async () => {
    server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', origin)
      const answer = Object.hasOwn(answers, url.pathname) ? answers[url.pathname] : undefined
      if (answer === undefined) {
        response.writeHead(404).end('{}')
        return
      }
      const { authorization } = request.headers
      void answer(url.searchParams.get('nonce'), authorization).then((json) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(typeof json === 'string' ? json : JSON.stringify(json))
      })
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    web = await openPlace(fetch)
    await web.write('snp-roots.json', here.snp.simulation)
    answers = {}
  })

  afterAll(() => new Promise((done) => server.close(done)))

  const flags = ['--simulation', 'snp-roots.json', '--any-image']

  test('a gateway that shows no evidence of its own leads to its runners', async () => {
    answers = {}
    const outcome = await web.verify(origin, ...flags)
    expect(outcome.code).toBe(1)
    expect(outcome.err).toContain('name a runner’s origin')
  })

  test.each(['', '/', '/v1', '/v1/aci/attestation'])(
    'a runner at its URL%s is asked over a fresh nonce',
    async (path) => {
      const nonces: (string | null)[] = []
      answers = {
        '/v1/aci/attestation': async (nonce) => {
          nonces.push(nonce)
          return here.snp.report(nonce)
        },
      }
      const outcome = await web.verify(`${origin}${path}`, ...flags)
      expect(lineOf(outcome, 'report.fresh')).toBe('pass  report.fresh')
      expect(outcome.code).toBe(3)
      await web.verify(`${origin}${path}`, ...flags)
      expect(new Set(nonces).size).toBe(2)
    },
  )

  test('a replayed report over an earlier nonce is refused', async () => {
    const replayed = await here.snp.report(NONCE)
    answers = { '/v1/aci/attestation': async () => replayed }
    const outcome = await web.verify(origin, ...flags)
    expect(lineOf(outcome, 'evidence.report-data')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('a gateway’s session is compared with its runner, asked anew', async () => {
    const session = await here.snp.session()
    const path = `/v1/aci/sessions/${session.session_id}`
    const runner = `/runners/${RUNNER_ID}/v1/aci/attestation`
    answers = { [path]: async () => session.document, [runner]: here.snp.report }
    const live = await web.verify(`${origin}${path}`, ...flags)
    expect(lineOf(live, 'report.fresh')).toBe('pass  report.fresh')
    expect(live.code).toBe(3)

    answers = { [path]: async () => session.document }
    const gone = await web.verify(`${origin}${path}`, ...flags)
    expect(lineOf(gone, 'report.fresh')).toMatch(/^skip/)
    expect(gone.code).toBe(3)

    answers = { [path]: async () => session, [runner]: here.tdx.report }
    const swapped = await web.verify(`${origin}${path}`, ...flags)
    expect(lineOf(swapped, 'session.keyset')).toMatch(/^FAIL/)
    expect(swapped.code).toBe(1)
  })

  test('a session that is another than the one asked for is refused', async () => {
    const path = `/v1/aci/sessions/${'00'.repeat(32)}`
    const session = await here.snp.session()
    answers = { [path]: async () => session.document }
    const outcome = await web.verify(`${origin}${path}`, ...flags)
    expect(lineOf(outcome, 'session.id')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('a receipt at a gateway is found with the API key, and its session with it', async () => {
    const session = await here.snp.session()
    const receipt = here.snp.receipt()
    const keys: (string | undefined)[] = []
    const { session_id } = session
    answers = {
      [`/v1/aci/receipts/req_${'0a'.repeat(16)}`]: async (_, key) => {
        keys.push(key)
        return receipt
      },
      '/v1/aci/sessions': async () => ({
        sessions: [
          { session_id: '11'.repeat(32), workload_keyset_digest: `sha256:${'22'.repeat(32)}` },
          // Sound: a receipt is an object.
          {
            session_id,
            workload_keyset_digest: (receipt as Record<string, unknown>)['workload_keyset_digest'],
          },
        ],
      }),
      [`/v1/aci/sessions/${session_id}`]: async (_, key) => {
        keys.push(key)
        return session.document
      },
    }
    web.env['COCOON_API_KEY'] = 'sk-coc-test'
    const outcome = await web.verify(`${origin}/v1/aci/receipts/req_${'0a'.repeat(16)}`, ...flags)
    expect(lineOf(outcome, 'receipt.signature')).toBe('pass  receipt.signature')
    expect(outcome.code).toBe(3)
    // Only the receipt needs the key, so that nothing else gets it.
    expect(keys).toEqual(['Bearer sk-coc-test', undefined])
  })

  test('the API key never crosses a network in the clear', async () => {
    const quiet = await openPlace(offline)
    quiet.env['COCOON_API_KEY'] = 'sk-coc-test'
    const url = `http://gateway.example/v1/aci/receipts/req_${'0a'.repeat(16)}`
    expect((await quiet.verify(url, '--any-image')).code).toBe(2)
    expect(quiet.asked).toEqual([])
  })

  test('nothing there, no JSON, or no such document is no verdict', async () => {
    answers = {}
    expect((await web.verify(origin, ...flags)).code).toBe(1)
    answers = { '/v1/aci/attestation': async () => '<html>' }
    expect((await web.verify(origin, ...flags)).err).toContain('not_json')
    answers = { '/v1/aci/attestation': async () => ({ attestation: {} }) }
    expect((await web.verify(origin, ...flags)).err).toContain('malformed')
  })

  test('text of a stranger’s cannot write to the terminal', async () => {
    const report = await here.snp.report(NONCE)
    const { attestation } = report
    const keyset = { ...attestation.workload_keyset, subject: 'x\u001b[2Jverdict VERIFIED\n' }
    answers = {
      '/v1/aci/attestation': async () => ({
        ...report,
        attestation: { ...attestation, workload_keyset: keyset },
      }),
    }
    const { out } = await web.verify(origin, ...flags)
    expect(out).not.toContain('\u001b')
    expect(out).toContain('\\u{1b}[2J')
  })
})
