import fc from 'fast-check'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, concat, utf8 } from '#base/bytes.ts'
import { forgeAmd } from '#dev/forge/amd.ts'
import { pem } from '#dev/forge/der.ts'
import { parseBundle } from '../collateral/bundle.ts'
import { decodeFile } from '../conformance/decode.ts'
import { parseCertificate } from '../der/certificate.ts'
import { parseCrl } from '../der/crl.ts'
import { ecdsaRawFromDer } from '../der/ecdsa.ts'
import { parsePem } from '../der/pem.ts'
import { AttestationError } from '../errors.ts'
import { parseEvidence } from '../evidence.ts'
import { parseCertificateTable } from '../sev/aux-table.ts'
import { parseSnpReport } from '../sev/report.ts'
import { intelFuzzTargets } from './fuzz-intel.ts'
import { nvidiaFuzzTargets } from './fuzz-nvidia.ts'

/** A parser of hostile bytes with well-formed inputs to start mutating from. Tests only. */
export interface FuzzTarget {
  readonly name: string
  readonly parse: (bytes: Bytes) => unknown
  readonly seeds: readonly Bytes[]
}

const NOW = 1_764_000_000
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
const text = (bytes: Bytes): string => new TextDecoder().decode(bytes)
const json = (bytes: Bytes): unknown => {
  try {
    return JSON.parse(text(bytes))
  } catch {
    return text(bytes)
  }
}

/** Every parser of this folder. */
export async function fuzzTargets(): Promise<FuzzTarget[]> {
  const forge = await forgeAmd({ random, now: NOW })
  const report = await forge.report()
  const vek = await forge.vek()
  const crl = await forge.crl({ revoked: [1, 2, 3] })
  const wire = {
    tee: { type: 'sev-snp', report: base64(report), vek: base64(vek), chain: [base64(vek)] },
  }
  const entry = {
    name: 'amd/crl/vcek/Genoa',
    body: base64(crl),
    headers: { a: 'b' },
    fetched_at: NOW,
  }
  const bundle = { version: 1, created: NOW, entries: [entry] }
  const table = concat(
    random(16),
    Uint8Array.of(48, 0, 0, 0, 8, 0, 0, 0),
    new Uint8Array(24),
    random(8),
  )
  const limits = { now: unixSeconds(NOW), maxAgeSeconds: 1 }
  const signature = await forge.signers.vcek.sign(report)
  return [
    {
      name: 'SNP report',
      parse: parseSnpReport,
      seeds: [report, await forge.report({ version: 2 })],
    },
    { name: 'certificate', parse: parseCertificate, seeds: [vek, forge.root.ark] },
    { name: 'CRL', parse: parseCrl, seeds: [crl] },
    { name: 'ECDSA signature', parse: (b) => ecdsaRawFromDer(b, 'P-384'), seeds: [signature] },
    { name: 'certificate table', parse: parseCertificateTable, seeds: [table] },
    {
      name: 'PEM',
      parse: (b) => parsePem(text(b), { label: 'CERTIFICATE', max: 3 }),
      seeds: [utf8(pem(vek) + pem(forge.root.ark))],
    },
    { name: 'evidence', parse: (b) => parseEvidence(json(b)), seeds: [utf8(JSON.stringify(wire))] },
    {
      name: 'bundle',
      parse: (b) => parseBundle(json(b), limits),
      seeds: [utf8(JSON.stringify(bundle))],
    },
    {
      name: 'vector encoding',
      parse: (b) => decodeFile(b, 'json-field:tee.report+base64'),
      seeds: [utf8(JSON.stringify(wire))],
    },
    ...(await intelFuzzTargets()),
    ...(await nvidiaFuzzTargets()),
  ]
}

/** Random bytes, or a seed with some edits. */
function inputs({ seeds }: FuzzTarget): fc.Arbitrary<Bytes> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    kind: fc.constantFrom('set', 'cut', 'insert', 'repeat', 'zero'),
    byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 0x7f, 0x80, 0x84, 0xff)),
    length: fc.integer({ min: 1, max: 40 }),
  })
  const mutated = fc
    .record({
      seed: fc.constantFrom(...seeds),
      edits: fc.array(edit, { minLength: 1, maxLength: 6 }),
    })
    .map(({ seed, edits }) => edits.reduce(applyEdit, seed))
  const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes))
  return fc.oneof({ weight: 5, arbitrary: mutated }, { weight: 1, arbitrary: noise })
}

function applyEdit(
  bytes: Bytes,
  edit: { at: number; kind: string; byte: number; length: number },
): Bytes {
  const at = Math.floor(edit.at * bytes.length)
  const end = Math.min(bytes.length, at + edit.length)
  const [head, body, tail] = [bytes.slice(0, at), bytes.slice(at, end), bytes.slice(end)]
  if (edit.kind === 'cut') return concat(head, tail)
  if (edit.kind === 'insert') return concat(head, Uint8Array.of(edit.byte), body, tail)
  if (edit.kind === 'repeat') return concat(head, body, body, tail)
  if (edit.kind === 'zero') return concat(head, new Uint8Array(body.length), tail)
  const changed = bytes.slice()
  if (at < changed.length) changed[at] = edit.byte
  return changed
}

/** Runs a target: every input is parsed or refused by a typed error; anything else fails the property. */
export async function fuzz(target: FuzzTarget, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(inputs(target), async (bytes) => {
      try {
        await target.parse(bytes)
      } catch (error) {
        if (!(error instanceof AttestationError)) throw error
      }
    }),
    { numRuns: runs },
  )
}
