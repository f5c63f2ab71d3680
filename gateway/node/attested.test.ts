import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseEvidence } from '#attestation'
import { hex } from '#base/bytes.ts'
import { simulatedQuoter } from '#dev/world/simulated-tee.ts'
import { keysetDigest, parseReport, reportData } from '#protocol'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

/** A gateway inside a confidential machine: it shows evidence, and plain text waits for that to be accepted. */
let world: TestWorld
let runner: TestRunner
let account: TestAccount

beforeAll(async () => {
  world = await startTestWorld({ tee: true, plaintext: 'attested' }, undefined, (tee) =>
    simulatedQuoter(tee, 1),
  )
  runner = await startTestRunner(world, { machine: 0 })
  account = await world.account(1_000_000n)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

const PATHS = ['/v1/aci/attestation', '/v1/attestation/report']
const NONCE = 'ab'.repeat(32)
const get = (path: string, origin = world.gateway.origin) => fetch(origin + path)

const ask = (on: TestWorld, key: string) =>
  fetch(`${on.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model: MODEL,
      messages: [{ role: 'user', content: 'hi' }],
      max_tokens: 10,
    }),
  })

describe('a gateway in a confidential machine', () => {
  test.each(PATHS)(
    '%s: evidence over the caller’s nonce, by keys that name this gateway',
    async (path) => {
      const response = await get(`${path}?nonce=${NONCE}`)
      expect(response.status).toBe(200)
      const report = parseReport(await response.json(), 'report')
      const keyset = report.attestation.workload_keyset
      expect(keyset.subject).toBe(
        `cocoon-gateway-v1;origin=${encodeURIComponent(world.gateway.origin)}`,
      )
      const digest = keysetDigest(keyset)
      const { tee } = parseEvidence(report.attestation.evidence)
      const quoted = tee.technology === 'tdx' ? tee.quote.report.reportData : new Uint8Array()
      expect(hex(quoted)).toBe(hex(reportData(digest, NONCE)))
      expect(report.workload_keyset_digest).toBe(digest)
    },
  )

  test.each(['', '?nonce=', `?nonce=${NONCE.toUpperCase()}`, '?nonce=00'])(
    'a nonce that is none (%s) asks for nothing',
    async (query) => {
      for (const path of PATHS) expect((await get(path + query)).status).toBe(400)
    },
  )

  test('serves plain clients once its own evidence was accepted', async () => {
    expect((await ask(world, account.key)).status).toBe(200)
    const { data } = await (await get('/v1/models')).json()
    expect(data[0].confidentiality.modes).toContain('gateway')
  })

  test('with evidence of an image that the Registry does not list, it serves no plain client', async () => {
    const other = await startTestWorld({ tee: true, plaintext: 'attested' }, undefined, (tee) => ({
      teeType: 'sev-snp',
      quote: async (reportData) => ({
        type: 'sev-snp',
        report: Buffer.from(
          await tee.amd.report({ reportData, measurement: new Uint8Array(48).fill(9) }),
        ).toString('base64'),
        vek: Buffer.from(await tee.amd.vek()).toString('base64'),
      }),
    }))
    try {
      const { key } = await other.account(1_000n)
      const response = await ask(other, key)
      expect(response.status).toBe(403)
      expect((await response.json()).error.code).toBe('plaintext_refused')
      expect(other.logged.join('\n')).toContain(
        'gateway not attested {"code":"evidence_refused","check":"evidence.image"}',
      )
    } finally {
      await other.close()
    }
  })

  test('a gateway in no such machine says so', async () => {
    const plain = await startTestWorld()
    try {
      for (const path of PATHS) {
        const response = await get(`${path}?nonce=${NONCE}`, plain.gateway.origin)
        expect(response.status).toBe(404)
      }
    } finally {
      await plain.close()
    }
  })
})
