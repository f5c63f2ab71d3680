import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modelHash } from '#attestation'
import { fromHex, hex } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { startDevChain } from '#dev/chain/start-dev-chain.ts'
import { nvidiaServices } from '#dev/forge/nvidia-services.ts'
import { deployContracts } from '#dev/world/deploy-contracts.ts'
import { gpuNonce, keysetDigest, reportData } from '#protocol'
import { generateSigner } from '#protocol/node'
import {
  clock,
  type ForgedRunner,
  forgeRunner,
  MODEL,
  RUNNER_ID,
  WEIGHTS,
} from '../verify/testing/forged-runner.ts'
import {
  closePlaces,
  type Outcome,
  offline,
  openPlace,
  type Place,
} from '../verify/testing/verify-in.ts'

const OURS = join(import.meta.dirname, '../../attestation/vectors')
const SHARED =
  process.env['ATTESTATION_VECTORS'] ?? join(import.meta.dirname, '../../../shared/vectors')
const NONCE = '2a'.repeat(32)

let snp: ForgedRunner
let tdx: ForgedRunner
let place: Place

beforeAll(async () => {
  ;[snp, tdx] = await Promise.all([forgeRunner(0), forgeRunner(1)])
  place = await openPlace()
  await place.write('snp-roots.json', snp.simulation)
  await place.write('tdx-roots.json', tdx.simulation)
})

afterAll(closePlaces)

/** The line of one check, trimmed; undefined when it is not on the list. */
function lineOf({ out }: Outcome, id: string): string | undefined {
  return out
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line.split(/\s+/)[1] === id)
}

function verdictOf({ out }: Outcome): string | undefined {
  return /^verdict\s+([A-Z]+)/m.exec(out)?.[1]
}

describe('vectors', () => {
  test('every vector prints id, expected and got, and the last line is the total', async () => {
    const { code, out } = await place.verify('--vectors', OURS)
    const lines = out.split('\n')
    expect(lines.at(-1)).toMatch(/^[0-9]+ passed, 0 failed, [0-9]+ skipped$/)
    expect(lines.length).toBeGreaterThan(25)
    expect(lines[0]).toMatch(/^pass {2}\S+ {2}expected .+ {2}got /)
    expect(code).toBe(0)
  })

  test('a verdict other than the manifest’s fails the run', async () => {
    const folder = join(place.folder, 'altered')
    await cp(OURS, folder, { recursive: true })
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
    const good = manifest.vectors.find((vector: { verdict: string }) => vector.verdict === 'valid')
    const vectors = [{ ...good, verdict: 'invalid', reject: ['signature'] }]
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, vectors }))
    const { code, out } = await place.verify('--vectors', 'altered')
    expect(out).toMatch(/^FAIL {2}/)
    expect(out.split('\n').at(-1)).toBe('0 passed, 1 failed, 0 skipped')
    expect(code).toBe(1)
  })

  test.each([
    ['no folder', undefined],
    ['no JSON', '{'],
    ['another schema', '{"schema":"attestation-vectors/1","vectors":[]}'],
  ])('an unreadable manifest is wrong usage: %s', async (name, manifest) => {
    const folder = join(place.folder, name)
    if (manifest !== undefined) {
      await mkdir(folder)
      await writeFile(join(folder, 'manifest.json'), manifest)
    }
    expect((await place.verify('--vectors', folder)).code).toBe(2)
  })

  test.skipIf(!existsSync(join(SHARED, 'manifest.json')))(
    'the shared folder of real evidence gets its expected verdicts',
    async () => {
      const { code, out } = await place.verify('--vectors', SHARED)
      expect(out.split('\n').filter((line) => line.startsWith('FAIL'))).toEqual([])
      expect(code).toBe(0)
    },
  )
})

describe('a report in a file', () => {
  test.each([
    ['SNP', () => snp, 'sev.report-signature', 'snp-roots.json'],
    ['TDX', () => tdx, 'tdx.quote-signature', 'tdx-roots.json'],
  ])('%s with a GPU: each check is shown, and simulated is exit code 3', async (...row) => {
    const [name, runner, check, roots] = row
    const file = await place.write(`${name}.json`, await runner().report(NONCE))
    const flags = ['--simulation', roots, '--image', runner().image, '--nonce', NONCE]
    const outcome = await place.verify(file, ...flags)
    expect(verdictOf(outcome)).toBe('SIMULATED')
    expect(lineOf(outcome, check)).toBe(`pass  ${check}`)
    expect(lineOf(outcome, 'gpu.binding')).toBe('pass  gpu.binding')
    expect(lineOf(outcome, 'report.fresh')).toBe('pass  report.fresh')
    expect(lineOf(outcome, 'allowlist.age')).toMatch(/^skip/)
    expect(outcome.code).toBe(3)
    expect((await place.verify(file, ...flags, '--allow-simulated')).code).toBe(0)
  })

  test('nothing pins the image: the check fails, says how to pin it, and the verdict is refused', async () => {
    const file = await place.write('unpinned.json', await snp.report(NONCE))
    const flags = ['--simulation', 'snp-roots.json', '--nonce', NONCE]
    const unpinned = await place.verify(file, ...flags)
    expect(lineOf(unpinned, 'evidence.image')).toMatch(/^FAIL .*\[not-pinned\]$/)
    expect(unpinned.out).toContain('remedy: Give --registry')
    expect(unpinned.out).toContain(`${snp.image} (not pinned)`)
    expect(unpinned.out).not.toContain('claim ')
    expect(unpinned.code).toBe(1)
    const any = await place.verify(file, ...flags, '--any-image')
    expect(lineOf(any, 'evidence.image')).toMatch(/^skip .*--any-image/)
    expect(any.out).toMatch(/claim +serving_software_known_good: unknown$/m)
    expect(any.code).toBe(3)
  })

  test('another image than the pinned one is refused', async () => {
    const file = await place.write('other-image.json', await snp.report(NONCE))
    const flags = ['--simulation', 'snp-roots.json', '--nonce', NONCE, '--image', '00'.repeat(32)]
    const outcome = await place.verify(file, ...flags)
    expect(lineOf(outcome, 'evidence.image')).toMatch(/^FAIL .*\[measurement-mismatch\]$/)
    expect(outcome.code).toBe(1)
  })

  test('evidence of development roots is refused where no simulation was asked for', async () => {
    const file = await place.write('pinned.json', await snp.report(NONCE))
    const outcome = await place.verify(file, '--any-image', '--nonce', NONCE, '--json')
    expect(JSON.parse(outcome.out).verdict).toBe('refused')
    expect(outcome.code).toBe(1)
  })

  test('a report over another nonce, or over none that is known, is refused', async () => {
    const file = await place.write('other-nonce.json', await snp.report(NONCE))
    const flags = ['--simulation', 'snp-roots.json', '--any-image']
    for (const nonce of [['--nonce', '2b'.repeat(32)], []]) {
      const outcome = await place.verify(file, ...flags, ...nonce)
      expect(lineOf(outcome, 'evidence.report-data')).toMatch(/^FAIL .*report-data-mismatch/)
      expect(outcome.code).toBe(1)
    }
  })

  test('a report that nobody asked is accepted, and shown as of unknown age', async () => {
    const file = await place.write('unasked.json', await snp.report(null))
    const outcome = await place.verify(file, '--simulation', 'snp-roots.json', '--any-image')
    expect(lineOf(outcome, 'report.fresh')).toMatch(/^skip .*any age/)
    expect(outcome.code).toBe(3)
  })

  test('a keyset that was swapped for another does not pass under the same quote', async () => {
    const report = await snp.report(NONCE)
    const { attestation } = report
    const keyset = { ...attestation.workload_keyset, not_after: snp.keyset.not_after + 60 }
    const swapped = { ...report, attestation: { ...attestation, workload_keyset: keyset } }
    const file = await place.write('swapped.json', swapped)
    const flags = ['--simulation', 'snp-roots.json', '--any-image', '--nonce', NONCE]
    const outcome = await place.verify(file, ...flags)
    expect(lineOf(outcome, 'report.keyset')).toMatch(/^FAIL/)
    expect(lineOf(outcome, 'evidence.report-data')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('keys that have ended are refused', async () => {
    const ended = await forgeRunner(0, -1)
    const file = await place.write('ended.json', await ended.report(NONCE))
    await place.write('ended-roots.json', ended.simulation)
    const flags = ['--simulation', 'ended-roots.json', '--any-image', '--nonce', NONCE]
    const outcome = await place.verify(file, ...flags)
    expect(lineOf(outcome, 'report.not-after')).toMatch(/^FAIL .*keyset-expired/)
    expect(outcome.code).toBe(1)
  })

  test('so are a runner’s keys that would live for a year: its GPUs’ evidence would be as old (M9)', async () => {
    const lasting = await forgeRunner(0, 365 * 86_400)
    const file = await place.write('lasting.json', await lasting.report(NONCE))
    await place.write('lasting-roots.json', lasting.simulation)
    const flags = ['--simulation', 'lasting-roots.json', '--any-image', '--nonce', NONCE]
    const outcome = await place.verify(file, ...flags)
    expect(lineOf(outcome, 'report.not-after')).toMatch(/^FAIL .*keyset-lasting/)
    expect(outcome.code).toBe(1)
  })
})

describe('bare evidence', () => {
  const flags = ['--simulation', 'snp-roots.json', '--any-image']

  test('is refused until something says what it must hold', async () => {
    const { attestation } = await snp.report(NONCE)
    const file = await place.write('bare.json', attestation.evidence)
    const unknown = await place.verify(file, ...flags)
    expect(lineOf(unknown, 'evidence.report-data')).toMatch(/^FAIL .*\[not-pinned\]$/)
    expect(lineOf(unknown, 'gpu.nonce')).toMatch(/^FAIL .*\[not-pinned\]$/)
    expect(unknown.code).toBe(1)
    const any = await place.verify(file, ...flags, '--any-nonce')
    expect(lineOf(any, 'evidence.report-data')).toMatch(/^skip/)
    expect(lineOf(any, 'gpu.binding')).toMatch(/^skip/)
    expect(any.out).toMatch(/claim +gpu_binding: none$/m)
    expect(any.code).toBe(3)
  })

  test('the nonce of its GPUs is compared where it is given', async () => {
    const { attestation } = await snp.report(NONCE)
    const file = await place.write('bare-gpu.json', attestation.evidence)
    const right = ['--gpu-nonce', hex(gpuNonce(snp.keyset)), '--any-nonce']
    expect((await place.verify(file, ...flags, ...right)).code).toBe(3)
    const wrong = await place.verify(file, ...flags, '--gpu-nonce', NONCE, '--any-nonce')
    expect(lineOf(wrong, 'gpu.nonce')).toMatch(/^FAIL/)
    expect(wrong.code).toBe(1)
  })

  test('without a GPU it passes where that was asked for, and only over its own report data', async () => {
    const { attestation } = await snp.report(NONCE)
    // Sound: our own envelope.
    const { tee } = attestation.evidence as { tee: unknown }
    const file = await place.write('bare-cpu.json', { tee })
    const given = ['--no-gpu', '--report-data', attestation.report_data]
    expect((await place.verify(file, ...flags, ...given)).code).toBe(3)
    const other = ['--no-gpu', '--report-data', '00'.repeat(64)]
    expect((await place.verify(file, ...flags, ...other)).code).toBe(1)
    const needed = await place.verify(file, ...flags, '--any-nonce')
    expect(lineOf(needed, 'gpu.present')).toMatch(/^FAIL .*gpu-missing/)
    expect(needed.code).toBe(1)
  })
})

describe('another ACI service', () => {
  test('its quote in hex, under its own kind of subject, is judged like one of ours', async () => {
    const keyset = { ...tdx.keyset, subject: 'dstack-app://other' }
    const digest = keysetDigest(keyset)
    const quote = await tdx.tee.intel.quote({ reportData: reportData(digest, NONCE) })
    const report = await tdx.report(NONCE)
    const foreign = {
      ...report,
      workload_keyset_digest: digest,
      attestation: {
        ...report.attestation,
        workload_keyset: keyset,
        evidence: { quote: hex(quote) },
      },
    }
    const file = await place.write('foreign.json', foreign)
    const flags = ['--simulation', 'tdx-roots.json', '--any-image', '--nonce', NONCE]
    const outcome = await place.verify(file, ...flags, '--no-gpu')
    expect(lineOf(outcome, 'tdx.quote-signature')).toMatch(/^pass/)
    expect(lineOf(outcome, 'report.subject')).toMatch(/^skip/)
    expect(outcome.code).toBe(3)
    expect(lineOf(await place.verify(file, ...flags), 'gpu.present')).toMatch(/^FAIL/)
  })

  test('a runner that names its GPUs cannot leave them out', async () => {
    const report = await tdx.report(NONCE)
    const { attestation } = report
    // Sound: our own envelope.
    const { tee } = attestation.evidence as { tee: Json }
    const bare = { ...report, attestation: { ...attestation, evidence: { tee } } }
    const file = await place.write('no-gpu.json', bare)
    const flags = ['--simulation', 'tdx-roots.json', '--any-image', '--nonce', NONCE, '--no-gpu']
    expect(lineOf(await place.verify(file, ...flags), 'gpu.present')).toMatch(/^FAIL/)
  })
})

describe('sessions and receipts in files', () => {
  const flags = ['--simulation', 'snp-roots.json', '--any-image']

  test('a session is judged by the evidence inside, which is as old as the record', async () => {
    const file = await place.write('session.json', await snp.session())
    const outcome = await place.verify(file, ...flags)
    for (const id of ['session.id', 'session.evidence', 'session.keyset']) {
      expect(lineOf(outcome, id)).toBe(`pass  ${id}`)
    }
    expect(lineOf(outcome, 'report.fresh')).toMatch(/^skip .*recorder/)
    expect(outcome.code).toBe(3)
  })

  test('one changed word of a session is noticed', async () => {
    const { session_id, document } = await snp.session()
    // Sound: a session's document is an object.
    const altered = { ...(document as object), endpoint: 'https://elsewhere.example' }
    const file = await place.write('altered-session.json', { session_id, document: altered })
    const outcome = await place.verify(file, ...flags)
    expect(lineOf(outcome, 'session.id')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('a receipt stands on its signature, its numbers and its runner’s evidence', async () => {
    await place.write('its-session.json', await snp.session())
    const file = await place.write('receipt.json', snp.receipt())
    const outcome = await place.verify(file, '--session', 'its-session.json', ...flags)
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
    await place.write('its-session.json', await snp.session())
    const file = await place.write(`receipt ${name}.json`, snp.receipt(changes))
    const outcome = await place.verify(file, '--session', 'its-session.json', ...flags)
    expect(lineOf(outcome, check)).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('a receipt alone is wrong usage: there is no key to hold it against', async () => {
    const file = await place.write('alone.json', snp.receipt())
    const outcome = await place.verify(file, ...flags)
    expect(outcome.err).toContain('--session')
    expect(outcome.code).toBe(2)
  })
})

describe('bundles', () => {
  test('a saved bundle repeats the verdict without a network, and without it nothing is known', async () => {
    const network = nvidiaServices(snp.tee.nvidia, clock)
    const online = await openPlace(await withAmd(network, snp))
    // Roots alone: the vendors' services are asked, as a verifier of real evidence would.
    const roots = withoutCollateral(snp.simulation)
    await online.write('roots.json', roots)
    const report = await online.write('report.json', await snp.report(NONCE))
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
    const file = await place.write('old-report.json', await snp.report(NONCE))
    await place.write('old.json', { version: 1, created: 1_700_000_000, entries: [] })
    const outcome = await place.verify(file, '--bundle', 'old.json', '--any-image')
    expect(outcome.err).toContain('the bundle cannot be used')
    expect(outcome.code).toBe(2)
  })
})

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
    await web.write('snp-roots.json', snp.simulation)
    answers = {}
  })

  afterAll(() => new Promise((done) => server.close(done)))

  const flags = ['--simulation', 'snp-roots.json', '--any-image']

  test.each(['', '/', '/v1', '/v1/aci/attestation'])(
    'a runner at its URL%s is asked over a fresh nonce',
    async (path) => {
      const nonces: (string | null)[] = []
      answers = {
        '/v1/aci/attestation': async (nonce) => {
          nonces.push(nonce)
          return snp.report(nonce)
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
    const replayed = await snp.report(NONCE)
    answers = { '/v1/aci/attestation': async () => replayed }
    const outcome = await web.verify(origin, ...flags)
    expect(lineOf(outcome, 'evidence.report-data')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('a gateway’s session is compared with its runner, asked anew', async () => {
    const session = await snp.session()
    const path = `/v1/aci/sessions/${session.session_id}`
    const runner = `/runners/${RUNNER_ID}/v1/aci/attestation`
    answers = { [path]: async () => session.document, [runner]: snp.report }
    const live = await web.verify(`${origin}${path}`, ...flags)
    expect(lineOf(live, 'report.fresh')).toBe('pass  report.fresh')
    expect(live.code).toBe(3)

    answers = { [path]: async () => session.document }
    const gone = await web.verify(`${origin}${path}`, ...flags)
    expect(lineOf(gone, 'report.fresh')).toMatch(/^skip/)
    expect(gone.code).toBe(3)

    answers = { [path]: async () => session, [runner]: tdx.report }
    const swapped = await web.verify(`${origin}${path}`, ...flags)
    expect(lineOf(swapped, 'session.keyset')).toMatch(/^FAIL/)
    expect(swapped.code).toBe(1)
  })

  test('a session that is another than the one asked for is refused', async () => {
    const path = `/v1/aci/sessions/${'00'.repeat(32)}`
    const session = await snp.session()
    answers = { [path]: async () => session.document }
    const outcome = await web.verify(`${origin}${path}`, ...flags)
    expect(lineOf(outcome, 'session.id')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('a receipt at a gateway is found with the API key, and its session with it', async () => {
    const session = await snp.session()
    const receipt = snp.receipt()
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
    const report = await snp.report(NONCE)
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

describe('the Registry', () => {
  test('is read by the command itself: what it lists passes, what it does not is refused', async () => {
    const chain = await startDevChain()
    try {
      const at = async (weights: string) =>
        deployContracts({
          endpoint: chain.endpoint,
          meterKey: generateSigner('meter').publicKey,
          salt: crypto.getRandomValues(new Uint8Array(32)),
          listings: [
            { kind: 'image', hash: fromHex(snp.image) },
            { kind: 'model', hash: fromHex(await modelHash(MODEL, weights)) },
          ],
        })
      const online = await openPlace(fetch)
      await online.write('roots.json', snp.simulation)
      await online.write('report.json', await snp.report(NONCE))
      const verify = (registry: string) =>
        online.verify(
          'report.json',
          ...['--simulation', 'roots.json', '--nonce', NONCE],
          ...['--registry', registry, '--endpoint', chain.endpoint],
        )
      const { registry, till } = await at(`sha256:${'ee'.repeat(32)}`)
      const unlisted = await verify(registry)
      expect(lineOf(unlisted, 'evidence.image')).toBe('pass  evidence.image')
      expect(lineOf(unlisted, 'evidence.model')).toMatch(/^FAIL .*model-unlisted/)
      expect(unlisted.code).toBe(1)
      await at(WEIGHTS)
      const listed = await verify(registry)
      expect(lineOf(listed, 'evidence.model')).toBe('pass  evidence.model')
      expect(lineOf(listed, 'allowlist.age')).toBe('pass  allowlist.age')
      expect(listed.out).toContain('(registry by one endpoint, version ')
      expect(listed.code).toBe(3)
      await mkdir(join(online.folder, '.cocoon'))
      await online.write('.cocoon/simulation.json', snp.simulation)
      await online.write('.cocoon/dev.json', {
        chainUrl: chain.endpoint,
        registryAddress: registry,
      })
      const dev = await online.verify('report.json', '--dev', '--nonce', NONCE)
      expect(dev.out).toBe(listed.out)
      // A contract that is no Registry must not pass for one.
      const wrong = await verify(till)
      expect(wrong.err).toContain('registry_wrong')
      expect(wrong.code).toBe(1)
    } finally {
      await chain.close()
    }
  })
})

describe('usage', () => {
  test.each([
    ['nothing to verify', []],
    ['two targets', ['a.json', 'b.json']],
    ['an unknown flag', ['a.json', '--yes']],
    ['a file that is not there', ['missing.json', '--any-image']],
    ['a nonce that is none', ['a.json', '--nonce', 'AB']],
    ['two ways to pin', ['a.json', '--any-image', '--image', '00'.repeat(32)]],
    ['an image hash that is none', ['a.json', '--image', 'latest']],
    ['a Registry without an endpoint', ['a.json', '--registry', `0:${'00'.repeat(32)}`]],
    ['a world that does not run', ['a.json', '--dev']],
    ['a world and a pin', ['a.json', '--dev', '--any-image']],
    ['a URL offline', ['https://gateway.example', '--bundle', 'b.json']],
    ['the Registry offline', ['a.json', '--bundle', 'b.json', '--endpoint', 'https://x.example']],
    ['credentials in the URL', ['https://user:pass@gateway.example']],
    ['vectors beside a file', ['a.json', '--vectors', 'x']],
  ])('%s is exit code 2, and nothing is asked', async (_, args) => {
    const quiet = await openPlace(offline)
    const { code, err } = await quiet.verify(...args)
    expect(err).not.toBe('')
    expect(quiet.asked).toEqual([])
    expect(code).toBe(2)
  })

  test.each([
    ['text', 'hello'],
    ['a list', '[]'],
    ['null', 'null'],
    ['another document', '{"hello":1}'],
  ])('a file that holds %s is exit code 2', async (name, text) => {
    const file = await place.write(`${name}.json`, text)
    expect((await place.verify(file, '--any-image')).code).toBe(2)
  })

  test.each([
    ['no TEE', { tee: {} }],
    ['an unknown TEE', { tee: { type: 'sgx-next' } }],
    ['a cut report', { tee: { type: 'sev-snp', report: 'AAAA' } }],
    ['a TEE that is text', { tee: 'sev-snp' }],
  ])('evidence with %s is refused', async (name, evidence) => {
    const file = await place.write(`${name}.json`, evidence)
    const outcome = await place.verify(file, '--any-image', '--any-nonce', '--no-gpu')
    expect(lineOf(outcome, 'evidence.form')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
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
