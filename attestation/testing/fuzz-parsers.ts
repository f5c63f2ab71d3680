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
import { parseEvidence } from '../evidence.ts'
import { parseCertificateTable } from '../sev/aux-table.ts'
import { parseSnpReport } from '../sev/report.ts'
import { intelTargets } from './fuzz-intel.ts'
import { nvidiaTargets } from './fuzz-nvidia.ts'
import { PEM_PIECES } from './fuzz-words.ts'
import type { ParserTarget } from './parser-target.ts'

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
export async function parserTargets(): Promise<readonly ParserTarget[]> {
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
      file: 'sev/report.ts',
      parse: parseSnpReport,
      seeds: [report, await forge.report({ version: 2 })],
    },
    {
      name: 'certificate',
      file: 'der/certificate.ts',
      grammar: 'der',
      parse: parseCertificate,
      seeds: [vek, forge.root.ark],
    },
    { name: 'CRL', file: 'der/crl.ts', grammar: 'der', parse: parseCrl, seeds: [crl] },
    {
      name: 'ECDSA signature',
      file: 'der/ecdsa.ts',
      grammar: 'der',
      parse: (b) => ecdsaRawFromDer(b, 'P-384'),
      seeds: [signature],
    },
    {
      name: 'certificate table',
      file: 'sev/aux-table.ts',
      parse: parseCertificateTable,
      seeds: [table],
    },
    {
      name: 'PEM',
      file: 'der/pem.ts',
      dictionary: PEM_PIECES,
      parse: (b) => parsePem(text(b), { label: 'CERTIFICATE', max: 3 }),
      seeds: [utf8(pem(vek) + pem(forge.root.ark))],
    },
    {
      name: 'evidence',
      file: 'evidence.ts',
      grammar: 'json',
      parse: (b) => parseEvidence(json(b)),
      seeds: [utf8(JSON.stringify(wire))],
    },
    {
      name: 'bundle',
      file: 'collateral/bundle.ts',
      grammar: 'json',
      parse: (b) => parseBundle(json(b), limits),
      seeds: [utf8(JSON.stringify(bundle))],
    },
    {
      name: 'vector encoding',
      file: 'conformance/decode.ts',
      grammar: 'json',
      parse: (b) => decodeFile(b, 'json-field:tee.report+base64'),
      seeds: [utf8(JSON.stringify(wire))],
    },
    ...(await intelTargets()),
    ...(await nvidiaTargets()),
  ]
}
