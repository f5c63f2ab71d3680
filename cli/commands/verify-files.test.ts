import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { nvidiaServices } from '#dev/forge/nvidia-services.ts'
import { gpuNonce, keysetDigest, reportData } from '#protocol'
import { generateSigner } from '#protocol/node'
import { clock, type ForgedRunner, forgeRunner } from '../verify/testing/forged-runner.ts'
import { lineOf, useRunners, verdictOf } from '../verify/testing/two-runners.ts'
import { offline, openPlace } from '../verify/testing/verify-in.ts'

const NONCE = '2a'.repeat(32)

const here = useRunners()

describe('a report in a file', () => {
  test.each([
    ['SNP', () => here.snp, 'sev.report-signature', 'snp-roots.json'],
    ['TDX', () => here.tdx, 'tdx.quote-signature', 'tdx-roots.json'],
  ])('%s with a GPU: each check is shown, and simulated is exit code 3', async (...row) => {
    const [name, runner, check, roots] = row
    const file = await here.place.write(`${name}.json`, await runner().report(NONCE))
    const flags = ['--simulation', roots, '--image', runner().image, '--nonce', NONCE]
    const outcome = await here.place.verify(file, ...flags)
    expect(verdictOf(outcome)).toBe('SIMULATED')
    expect(lineOf(outcome, check)).toBe(`pass  ${check}`)
    expect(lineOf(outcome, 'gpu.binding')).toBe('pass  gpu.binding')
    expect(lineOf(outcome, 'report.fresh')).toBe('pass  report.fresh')
    expect(lineOf(outcome, 'allowlist.age')).toMatch(/^skip/)
    expect(outcome.code).toBe(3)
    expect((await here.place.verify(file, ...flags, '--allow-simulated')).code).toBe(0)
  })

  test('nothing pins the image: the check fails, says how to pin it, and the verdict is refused', async () => {
    const file = await here.place.write('unpinned.json', await here.snp.report(NONCE))
    const flags = ['--simulation', 'snp-roots.json', '--nonce', NONCE]
    const unpinned = await here.place.verify(file, ...flags)
    expect(lineOf(unpinned, 'evidence.image')).toMatch(/^FAIL .*\[not-pinned\]$/)
    expect(unpinned.out).toContain('remedy: Give --registry')
    expect(unpinned.out).toContain(`${here.snp.image} (not pinned)`)
    expect(unpinned.out).not.toContain('claim ')
    expect(unpinned.code).toBe(1)
    const any = await here.place.verify(file, ...flags, '--any-image')
    expect(lineOf(any, 'evidence.image')).toMatch(/^skip .*--any-image/)
    expect(any.out).toMatch(/claim +serving_software_known_good: unknown$/m)
    expect(any.code).toBe(3)
  })

  test('another image than the pinned one is refused', async () => {
    const file = await here.place.write('other-image.json', await here.snp.report(NONCE))
    const flags = ['--simulation', 'snp-roots.json', '--nonce', NONCE, '--image', '00'.repeat(32)]
    const outcome = await here.place.verify(file, ...flags)
    expect(lineOf(outcome, 'evidence.image')).toMatch(/^FAIL .*\[measurement-mismatch\]$/)
    expect(outcome.code).toBe(1)
  })

  test('evidence of development roots is refused where no simulation was asked for', async () => {
    const file = await here.place.write('pinned.json', await here.snp.report(NONCE))
    const outcome = await here.place.verify(file, '--any-image', '--nonce', NONCE, '--json')
    expect(JSON.parse(outcome.out).verdict).toBe('refused')
    expect(outcome.code).toBe(1)
  })

  test('a report over another nonce, or over none that is known, is refused', async () => {
    const file = await here.place.write('other-nonce.json', await here.snp.report(NONCE))
    const flags = ['--simulation', 'snp-roots.json', '--any-image']
    for (const nonce of [['--nonce', '2b'.repeat(32)], []]) {
      const outcome = await here.place.verify(file, ...flags, ...nonce)
      expect(lineOf(outcome, 'evidence.report-data')).toMatch(/^FAIL .*report-data-mismatch/)
      expect(outcome.code).toBe(1)
    }
  })

  test('a report that nobody asked is accepted, and shown as of unknown age', async () => {
    const file = await here.place.write('unasked.json', await here.snp.report(null))
    const outcome = await here.place.verify(file, '--simulation', 'snp-roots.json', '--any-image')
    expect(lineOf(outcome, 'report.fresh')).toMatch(/^skip .*any age/)
    expect(outcome.code).toBe(3)
  })

  test('a keyset that was swapped for another does not pass under the same quote', async () => {
    const report = await here.snp.report(NONCE)
    const { attestation } = report
    const keyset = { ...attestation.workload_keyset, not_after: here.snp.keyset.not_after + 60 }
    const swapped = { ...report, attestation: { ...attestation, workload_keyset: keyset } }
    const file = await here.place.write('swapped.json', swapped)
    const flags = ['--simulation', 'snp-roots.json', '--any-image', '--nonce', NONCE]
    const outcome = await here.place.verify(file, ...flags)
    expect(lineOf(outcome, 'report.keyset')).toMatch(/^FAIL/)
    expect(lineOf(outcome, 'evidence.report-data')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('keys that have ended are refused', async () => {
    const ended = await forgeRunner(0, -1)
    const file = await here.place.write('ended.json', await ended.report(NONCE))
    await here.place.write('ended-roots.json', ended.simulation)
    const flags = ['--simulation', 'ended-roots.json', '--any-image', '--nonce', NONCE]
    const outcome = await here.place.verify(file, ...flags)
    expect(lineOf(outcome, 'report.not-after')).toMatch(/^FAIL .*keyset-expired/)
    expect(outcome.code).toBe(1)
  })

  test('so are a runner’s keys that would live for a year: its GPUs’ evidence would be as old (M9)', async () => {
    const lasting = await forgeRunner(0, 365 * 86_400)
    const file = await here.place.write('lasting.json', await lasting.report(NONCE))
    await here.place.write('lasting-roots.json', lasting.simulation)
    const flags = ['--simulation', 'lasting-roots.json', '--any-image', '--nonce', NONCE]
    const outcome = await here.place.verify(file, ...flags)
    expect(lineOf(outcome, 'report.not-after')).toMatch(/^FAIL .*keyset-lasting/)
    expect(outcome.code).toBe(1)
  })
})

describe('bare evidence', () => {
  const flags = ['--simulation', 'snp-roots.json', '--any-image']

  test('is refused until something says what it must hold', async () => {
    const { attestation } = await here.snp.report(NONCE)
    const file = await here.place.write('bare.json', attestation.evidence)
    const unknown = await here.place.verify(file, ...flags)
    expect(lineOf(unknown, 'evidence.report-data')).toMatch(/^FAIL .*\[not-pinned\]$/)
    expect(lineOf(unknown, 'gpu.nonce')).toMatch(/^FAIL .*\[not-pinned\]$/)
    expect(unknown.code).toBe(1)
    const any = await here.place.verify(file, ...flags, '--any-nonce')
    expect(lineOf(any, 'evidence.report-data')).toMatch(/^skip/)
    expect(lineOf(any, 'gpu.binding')).toMatch(/^skip/)
    expect(any.out).toMatch(/claim +gpu_binding: none$/m)
    expect(any.code).toBe(3)
  })

  test('the nonce of its GPUs is compared where it is given', async () => {
    const { attestation } = await here.snp.report(NONCE)
    const file = await here.place.write('bare-gpu.json', attestation.evidence)
    const right = ['--gpu-nonce', hex(gpuNonce(here.snp.keyset)), '--any-nonce']
    expect((await here.place.verify(file, ...flags, ...right)).code).toBe(3)
    const wrong = await here.place.verify(file, ...flags, '--gpu-nonce', NONCE, '--any-nonce')
    expect(lineOf(wrong, 'gpu.nonce')).toMatch(/^FAIL/)
    expect(wrong.code).toBe(1)
  })

  test('without a GPU it passes where that was asked for, and only over its own report data', async () => {
    const { attestation } = await here.snp.report(NONCE)
    // Sound: our own envelope.
    const { tee } = attestation.evidence as { tee: unknown }
    const file = await here.place.write('bare-cpu.json', { tee })
    const given = ['--no-gpu', '--report-data', attestation.report_data]
    expect((await here.place.verify(file, ...flags, ...given)).code).toBe(3)
    const other = ['--no-gpu', '--report-data', '00'.repeat(64)]
    expect((await here.place.verify(file, ...flags, ...other)).code).toBe(1)
    const needed = await here.place.verify(file, ...flags, '--any-nonce')
    expect(lineOf(needed, 'gpu.present')).toMatch(/^FAIL .*gpu-missing/)
    expect(needed.code).toBe(1)
  })
})

describe('another ACI service', () => {
  test('its quote in hex, under its own kind of subject, is judged like one of ours', async () => {
    const keyset = { ...here.tdx.keyset, subject: 'dstack-app://other' }
    const digest = keysetDigest(keyset)
    const quote = await here.tdx.tee.intel.quote({ reportData: reportData(digest, NONCE) })
    const report = await here.tdx.report(NONCE)
    const foreign = {
      ...report,
      workload_keyset_digest: digest,
      attestation: {
        ...report.attestation,
        workload_keyset: keyset,
        evidence: { quote: hex(quote) },
      },
    }
    const file = await here.place.write('foreign.json', foreign)
    const flags = ['--simulation', 'tdx-roots.json', '--any-image', '--nonce', NONCE]
    const outcome = await here.place.verify(file, ...flags, '--no-gpu')
    expect(lineOf(outcome, 'tdx.quote-signature')).toMatch(/^pass/)
    expect(lineOf(outcome, 'report.subject')).toMatch(/^skip/)
    expect(outcome.code).toBe(3)
    expect(lineOf(await here.place.verify(file, ...flags), 'gpu.present')).toMatch(/^FAIL/)
  })

  test('a runner that names its GPUs cannot leave them out', async () => {
    const report = await here.tdx.report(NONCE)
    const { attestation } = report
    // Sound: our own envelope.
    const { tee } = attestation.evidence as { tee: Json }
    const bare = { ...report, attestation: { ...attestation, evidence: { tee } } }
    const file = await here.place.write('no-gpu.json', bare)
    const flags = ['--simulation', 'tdx-roots.json', '--any-image', '--nonce', NONCE, '--no-gpu']
    expect(lineOf(await here.place.verify(file, ...flags), 'gpu.present')).toMatch(/^FAIL/)
  })
})

describe('sessions and receipts in files', () => {
  const flags = ['--simulation', 'snp-roots.json', '--any-image']

  test('a session is judged by the evidence inside, which is as old as the record', async () => {
    const file = await here.place.write('session.json', await here.snp.session())
    const outcome = await here.place.verify(file, ...flags)
    for (const id of ['session.id', 'session.evidence', 'session.keyset']) {
      expect(lineOf(outcome, id)).toBe(`pass  ${id}`)
    }
    expect(lineOf(outcome, 'report.fresh')).toMatch(/^skip .*recorder/)
    expect(outcome.code).toBe(3)
  })

  test('one changed word of a session is noticed', async () => {
    const { session_id, document } = await here.snp.session()
    // Sound: a session's document is an object.
    const altered = { ...(document as object), endpoint: 'https://elsewhere.example' }
    const file = await here.place.write('altered-session.json', { session_id, document: altered })
    const outcome = await here.place.verify(file, ...flags)
    expect(lineOf(outcome, 'session.id')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('a receipt stands on its signature, its numbers and its runner’s evidence', async () => {
    await here.place.write('its-session.json', await here.snp.session())
    const file = await here.place.write('receipt.json', here.snp.receipt())
    const outcome = await here.place.verify(file, '--session', 'its-session.json', ...flags)
    for (const id of ['receipt.keyset', 'receipt.signature', 'receipt.numbers']) {
      expect(lineOf(outcome, id)).toBe(`pass  ${id}`)
    }
    expect(outcome.out).toMatch(/^receipt +forged-model, 10 \+ 5 tokens/m)
    expect(outcome.code).toBe(3)
  })

  test.each([
    ['another cost', { cost: 1n }, 'receipt.numbers'],
    ['another signer', { signer: generateSigner('receipt-1') }, 'receipt.signature'],
    ['another keyset', { keysetDigest: `sha256:${'00'.repeat(32)}` }, 'receipt.keyset'],
  ])('a receipt with %s is refused', async (name, changes, check) => {
    await here.place.write('its-session.json', await here.snp.session())
    const file = await here.place.write(`receipt ${name}.json`, here.snp.receipt(changes))
    const outcome = await here.place.verify(file, '--session', 'its-session.json', ...flags)
    expect(lineOf(outcome, check)).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('a receipt alone is wrong usage: there is no key to hold it against', async () => {
    const file = await here.place.write('alone.json', here.snp.receipt())
    const outcome = await here.place.verify(file, ...flags)
    expect(outcome.err).toContain('--session')
    expect(outcome.code).toBe(2)
  })
})

describe('bundles', () => {
  test('a saved bundle repeats the verdict without a network, and without it nothing is known', async () => {
    const network = nvidiaServices(here.snp.tee.nvidia, clock)
    const online = await openPlace(await withAmd(network, here.snp))
    // Roots alone: the vendors' services are asked, as a verifier of real evidence would.
    const roots = withoutCollateral(here.snp.simulation)
    await online.write('roots.json', roots)
    const report = await online.write('report.json', await here.snp.report(NONCE))
    const flags = ['--simulation', 'roots.json', '--any-image']
    const first = await online.verify(
      report,
      ...[...flags, '--nonce', NONCE, '--save-bundle', 'bundle.json'],
    )
    expect(first.out).toMatch(/^verdict +SIMULATED/m)
    expect(online.asked.length).toBeGreaterThan(3)

    const asked = online.asked.length
    const again = await online.verify(report, ...flags, '--nonce', NONCE)
    expect(again.code).toBe(3)
    expect(online.asked.length).toBe(asked)
    const kept = await readdir(join(online.env['COCOON_CACHE'] ?? ''))
    expect(kept.every((name) => /^[0-9a-f]{64}\.json$/.test(name))).toBe(true)

    const away = await openPlace(offline)
    await away.write('roots.json', roots)
    await away.write('bundle.json', await online.read('bundle.json'))
    const offlineVerdict = await away.verify('bundle.json', '--bundle', 'bundle.json', ...flags)
    expect(verdictOf(offlineVerdict)).toBe('SIMULATED')
    expect(lineOf(offlineVerdict, 'report.fresh')).toMatch(/^skip .*recorder/)
    expect(away.asked).toEqual([])
    const nothing = await away.verify('bundle.json', ...flags)
    expect(nothing.code).toBe(1)
    expect(nothing.out).toMatch(/^not had +\S+ \(network\)$/m)
  })

  test('a bundle of last month is refused', async () => {
    const file = await here.place.write('old-report.json', await here.snp.report(NONCE))
    await here.place.write('old.json', { version: 1, created: 1_700_000_000, entries: [] })
    const outcome = await here.place.verify(file, '--bundle', 'old.json', '--any-image')
    expect(outcome.err).toContain('the bundle cannot be used')
    expect(outcome.code).toBe(2)
  })
})

/** The same roots without what they signed. */
function withoutCollateral(simulation: unknown): unknown {
  // Sound: written by simulationJson.
  const { collateral, ...roots } = simulation as { collateral: { created: number } }
  return { ...roots, collateral: { version: 1, created: collateral.created, entries: [] } }
}

/** AMD's distribution service beside NVIDIA's. */
async function withAmd(nvidia: typeof fetch, { tee }: ForgedRunner): Promise<typeof fetch> {
  const [list] = [...(await tee.amd.collateral())].filter(([name]) => name.includes('/crl/'))
  return async (input, init) => {
    const { hostname } = new URL(String(input))
    if (hostname === 'kdsintf.amd.com') return new Response(list?.[1].body ?? null)
    return nvidia(input, init)
  }
}
