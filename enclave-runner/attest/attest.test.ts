import { describe, expect, test } from 'vitest'
import { parseEvidence } from '#attestation'
import type { Random } from '#base/brand.ts'
import { base64, hex, utf8 } from '#base/bytes.ts'
import { forgeAmd } from '#dev/forge/amd.ts'
import { gpuNonce, parseReport, parseSubject, reportData } from '#protocol'
import { nodeProvider } from '#protocol/node'
import { NO_GPU } from '../quote/nvidia.ts'
import type { GpuEvidence, Quoter } from '../quote/quoter.ts'
import { createAttestor } from './attestor.ts'
import { createIdentities } from './identities.ts'
import { createIdentity, type IdentityInput } from './identity.ts'

const NONCE = 'cd'.repeat(32)
const NONE = new Uint8Array()
const random: Random = (length) => crypto.getRandomValues(new Uint8Array(length))
const serving = { model: 'm', contextLength: 100, engine: 'e' }
const claims = {
  payee: `0:${'ab'.repeat(32)}`,
  model: 'a/b',
  weights: `sha256:${'01'.repeat(32)}`,
}
const gpuEvidence = (name: string): GpuEvidence => ({
  arch: 'HOPPER',
  devices: [{ evidence: utf8(`${name} report`), certificate: utf8(`${name} chain`) }],
})

/** A device that counts its calls and answers when it is let. */
function slowQuoter() {
  const calls: string[] = []
  const gate = Promise.withResolvers<void>()
  const quoter: Quoter = {
    teeType: 'sev-snp',
    async quote(reportData) {
      calls.push(hex(reportData))
      await gate.promise
      return { type: 'sev-snp', report: 'unread' }
    },
    ...NO_GPU,
  }
  return { quoter, calls, open: gate.resolve }
}

const newIdentity = (change: Partial<IdentityInput> = {}) =>
  createIdentity({
    provider: nodeProvider,
    gpus: NO_GPU,
    claims,
    random: (length) => new Uint8Array(length).fill(1),
    now: 1000,
    lifetimeSeconds: 3600,
    ...change,
  })

describe('an identity', () => {
  test('names payee, model, weights and the GPUs that answered for its own keys', async () => {
    const nonces: string[] = []
    const gpu: Quoter['gpu'] = async (nonce) => {
      nonces.push(hex(nonce))
      return gpuEvidence('one')
    }
    const identity = await newIdentity({ gpus: { gpu, gpuState: async () => 'one' } })
    expect(nonces).toEqual([hex(gpuNonce(identity.keyset))])
    const subject = parseSubject(identity.keyset.subject)
    expect(subject).toMatchObject(claims)
    const other = await newIdentity({
      gpus: { gpu: async () => gpuEvidence('other'), gpuState: async () => 'other' },
    })
    expect(parseSubject(other.keyset.subject).gpu).not.toBe(subject.gpu)
    expect(identity.keyset.not_after).toBe(4600)
  })

  test('has fresh keys of each suite and for receipts', async () => {
    const [one, two] = [await newIdentity(), await newIdentity()]
    const keysOf = ({ keyset }: typeof one) =>
      [...keyset.e2ee_public_keys, ...keyset.receipt_signing_keys].map((key) => key.public_key)
    expect(new Set([...keysOf(one), ...keysOf(two)]).size).toBe(6)
  })

  test('is replaced before its keys run out, once for all who ask', async () => {
    let now = 1000
    let made = 0
    const identities = createIdentities(
      () => {
        made++
        return newIdentity({ now })
      },
      () => now,
    )
    const first = await identities.current()
    now += 2600
    expect(identities.isDue(first)).toBe(false)
    now += 200
    expect(identities.isDue(first)).toBe(true)
    const [a, b] = await Promise.all([identities.current(), identities.current()])
    expect([a === b, a === first, made]).toEqual([true, false, 2])
  })
})

describe('reports', () => {
  test('quote the statement of keyset and nonce, and carry the GPUs’ evidence', async () => {
    const forge = await forgeAmd({ random, now: 1_800_000_000 })
    const vek = base64(await forge.vek())
    const quoter: Quoter = {
      teeType: 'sev-snp',
      quote: async (data) => {
        const report = await forge.report({ reportData: data, measurement: new Uint8Array(48) })
        return { type: 'sev-snp', report: base64(report), vek, chain: [] }
      },
      gpu: async () => gpuEvidence('one'),
      gpuState: async () => 'one',
    }
    const attestor = createAttestor(quoter, serving, () => {})
    const identity = await newIdentity({ gpus: attestor.gpus })
    const report = await attestor.report(identity, NONCE)
    const { attestation } = parseReport(JSON.parse(JSON.stringify(report)), 'report')
    const evidence = parseEvidence(attestation.evidence)
    const quoted = hex(
      evidence.tee.technology === 'sev-snp' ? evidence.tee.report.reportData : NONE,
    )
    expect(quoted).toBe(hex(reportData(identity.digest, NONCE)))
    expect(attestation.report_data).toBe(quoted)
    expect(evidence.gpu).toEqual(identity.gpu)
  })

  test('for one nonce share a quote, and a flood of nonces is refused (M7)', async () => {
    const { quoter, calls, open } = slowQuoter()
    const attestor = createAttestor(quoter, serving, () => {})
    const identity = await newIdentity()
    const same = Array.from({ length: 500 }, () => attestor.report(identity, NONCE))
    const flood = Array.from({ length: 200 }, (_, i) =>
      attestor.report(identity, i.toString(16).padStart(64, '0')),
    )
    const own = attestor.ownReport(identity, '12'.repeat(32))
    open()
    // Whoever floods a runner does not keep it from registering.
    await expect(own).resolves.toBeDefined()
    const reports = await Promise.all(same)
    expect(new Set(reports).size).toBe(1)
    const settled = await Promise.allSettled(flood)
    const refused = settled.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBe(200 - 47)
    expect(refused[0]).toMatchObject({ reason: { code: 'busy' } })
    expect(calls.length).toBe(49)
    await expect(attestor.report(identity, 'ef'.repeat(32))).resolves.toBeDefined()
  })

  test('are refused once other GPUs are there than the keys were attested with (M9)', async () => {
    let gpu = 'GPU-1'
    const { quoter, open } = slowQuoter()
    open()
    const replaced: unknown[] = []
    const attestor = createAttestor(
      { ...quoter, gpu: async () => gpuEvidence(gpu), gpuState: async () => gpu },
      serving,
      (identity) => replaced.push(identity),
    )
    const identity = await newIdentity({ gpus: attestor.gpus })
    await expect(attestor.report(identity, NONCE)).resolves.toBeDefined()
    gpu = 'GPU-2'
    await expect(attestor.report(identity, NONCE)).rejects.toMatchObject({ code: 'gpu_changed' })
    expect(replaced).toEqual([identity])
  })
})
