import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { receiptKeyOf, verifyDocument } from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'
import type { JudgeDeps } from '../runners/judge-evidence.ts'
import { createSelfAttestor } from './self-attestor.ts'

const NONCE = '01'.repeat(32)

/** A machine whose evidence nobody accepts: these tests are about the keys. */
function attestor() {
  const state = { now: 1_000_000, tls: ['aa'], quotes: 0 }
  const self = createSelfAttestor({
    machine: {
      teeType: 'tdx',
      quote: async () => {
        state.quotes++
        return { type: 'tdx', quote: '' }
      },
    },
    makeSigner: () => generateSigner('gateway-test'),
    origin: 'https://gateway.example',
    tlsKeys: () => state.tls.map((spkiSha256) => ({ spkiSha256, domain: 'gateway.example' })),
    // Sound: nothing of it is reached before its allowlist throws.
    judge: {
      allowlist: { current: () => Promise.reject(new Error('no chain')) },
    } as unknown as JudgeDeps,
    clock: () => unixMs(state.now * 1000),
    random: (length) => new Uint8Array(length),
    log: () => {},
  })
  return { self, state }
}

test('a renewed TLS key makes a new keyset at once, and so does half of its life', async () => {
  const { self, state } = attestor()
  const digestOf = async () => (await self.report(NONCE)).workload_keyset_digest
  const first = await digestOf()
  expect(await digestOf()).toBe(first)
  state.tls = ['bb']
  const renewed = await self.report(NONCE)
  expect(renewed.workload_keyset_digest).not.toBe(first)
  expect(renewed.attestation.workload_keyset.tls_public_keys).toEqual([
    { spki_sha256: 'bb', domain: 'gateway.example' },
  ])
  state.now += 6 * 3600
  expect(await digestOf()).not.toBe(renewed.workload_keyset_digest)
})

test('it signs under the keys that its report shows, and a renewed keyset signs no more for the old one', async () => {
  const { self, state } = attestor()
  const before = await self.report(NONCE)
  const said = {
    receipt_id: `req_${'0a'.repeat(16)}`,
    chat_id: null,
    model: 'm',
    endpoint: '/v1/chat/completions',
    served_at: state.now,
    event_log: [],
  }
  const check = async (report: typeof before) => {
    const { signature, ...unsigned } = self.sign(said)
    expect(unsigned.workload_keyset_digest).toBe(report.workload_keyset_digest)
    const key = receiptKeyOf(report.attestation.workload_keyset, unsigned.key_id)
    await verifyDocument(unsigned, signature, key, nodeProvider)
  }
  await check(before)
  state.tls = ['bb']
  await expect(check(before)).rejects.toThrow()
  await check(await self.report(NONCE))
})

test('callers with one nonce share a quote', async () => {
  const { self, state } = attestor()
  await Promise.all([self.report(NONCE), self.report(NONCE), self.report('02'.repeat(32))])
  expect(state.quotes).toBe(2)
})

test('it is not attested before it was judged, nor when it could not be', async () => {
  const { self } = attestor()
  expect(self.isAttested()).toBe(false)
  await self.appraise()
  expect(self.isAttested()).toBe(false)
})

test('a flood of nonces does not keep it from judging itself (M7)', async () => {
  const { self, state } = attestor()
  const nonces = Array.from({ length: 200 }, (_, i) => (i + 1).toString(16).padStart(64, '0'))
  const flood = Promise.allSettled(nonces.map((nonce) => self.report(nonce)))
  await self.appraise()
  const taken = (await flood).filter(({ status }) => status === 'fulfilled')
  expect(taken.length).toBeLessThan(64)
  expect(state.quotes).toBe(taken.length + 1)
})
