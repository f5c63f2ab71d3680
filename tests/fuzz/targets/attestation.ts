import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AttestationError } from '#attestation'
import { LaunchError, parseFirmware, tdxRegisters } from '#attestation/launch'
import { madeKernel } from '#attestation/launch/testing/launches.ts'
import { makeFirmware } from '#attestation/launch/testing/make-firmware.ts'
import { parserTargets } from '#attestation/testing/fuzz-parsers.ts'
import { signedTargets } from '#attestation/testing/fuzz-signed.ts'
import type { ParserTarget, SignedTarget } from '#attestation/testing/parser-target.ts'
import type { Bytes, FuzzTarget } from '../engine/target.ts'
import { saysWhatWasSigned, target } from '../engine/target.ts'

const VECTORS = join(import.meta.dirname, '..', '..', '..', 'attestation', 'vectors')
/** Files of the vectors that start the parser of this name too. */
const RECORDED: Readonly<Record<string, RegExp>> = {
  'SNP report': /sev-snp\/good.*report\.bin$/,
  certificate: /\/(?:good-[^/]*\/v[cl]ek|root|Turin-ark)\.der$/,
  CRL: /sev-snp\/good[^/]*\/crl\.der$/,
  quote: /tdx\/good[^/]*\/quote\.bin$/,
  'TDX evidence': /tdx\/good[^/]*\/quote\.bin$/,
  'signed document': /tdx\/tcb-info\.json$/,
  'SPDM transcript': /nvidia\/(?:good|good-two|no-fwid)\/report\d\.bin$/,
  'reference manifest': /nvidia\/(?:driver|vbios)\.xml$/,
  'OCSP response': /nvidia\/ocsp-\d\.der$/,
  'attestation token': /nras\/good-v\d\.json$/,
  'key set': /nras\/jwks\.json$/,
}
/** Signatures cost a millisecond each: these get fewer, and their parsers have a million of their own. */
const SIGNED_INPUTS = 60_000
const MOST_RECORDED = 4

export async function attestationTargets(): Promise<readonly FuzzTarget[]> {
  const parsers = (await parserTargets()).map(parser)
  return [...parsers, ...(await signed()), ...launchTargets()]
}

function parser({ name, file, seeds, grammar, dictionary, parse }: ParserTarget): FuzzTarget {
  return target({
    name,
    file: `attestation/${file}`,
    ...(grammar === undefined ? {} : { grammar }),
    ...(dictionary === undefined ? {} : { dictionary }),
    corpus: [...seeds, ...recorded(name)],
    errors: [AttestationError],
    parse,
  })
}

function recorded(name: string): readonly Bytes[] {
  const pattern = RECORDED[name]
  if (pattern === undefined) return []
  return readdirSync(VECTORS, { recursive: true, encoding: 'utf8' })
    .filter((path) => pattern.test(`/${path}`))
    .sort()
    .slice(0, MOST_RECORDED)
    .map((path) => new Uint8Array(readFileSync(join(VECTORS, path))))
}

async function signed(): Promise<readonly FuzzTarget[]> {
  return Promise.all(
    (await signedTargets()).map(async ({ name, file, seeds, parse, ...rest }: SignedTarget) => {
      const genuine = await Promise.all(seeds.map(parse))
      return target({
        name,
        file: `attestation/${file}`,
        ...rest,
        corpus: seeds,
        errors: [AttestationError],
        parse,
        rule: saysWhatWasSigned(genuine, (said) => said),
        inputs: SIGNED_INPUTS,
      })
    }),
  )
}

const PAGE = 4_096

/** What `cocoon measure` reads: files of the image's builder. */
function launchTargets(): readonly FuzzTarget[] {
  return [
    target({
      name: 'OVMF firmware',
      file: 'attestation/launch/firmware.ts',
      corpus: [firmware()],
      dictionary: ['ASEV', 'TDVF'],
      errors: [LaunchError],
      // Only whole pages are looked into.
      parse: (b) => parseFirmware(wholePages(b)),
    }),
    target({
      name: 'kernel for TDX',
      file: 'attestation/launch/authenticode.ts',
      corpus: [madeKernel()],
      dictionary: ['PE\0\0', 'HdrS'],
      errors: [LaunchError],
      parse: (b) => tdxRegisters({ kernel: b, initrd: new Uint8Array(10), commandLine: 'a' }),
    }),
  ]
}

function wholePages(bytes: Bytes): Bytes {
  const pages = new Uint8Array(Math.max(1, Math.ceil(bytes.length / PAGE)) * PAGE)
  // At the end, where the table lies.
  pages.set(bytes, pages.length - bytes.length)
  return pages
}

/** Small, with sections of both technologies. */
function firmware(): Bytes {
  return makeFirmware({
    bytes: 3 * PAGE,
    sev: {
      resetAddress: 0x80b004,
      hashTable: 0x810c00,
      sections: [
        [0x800000, 0x9000, 1],
        [0x80e000, 0x1000, 3],
        [0x810000, 0x1000, 0x10],
      ],
    },
    tdx: [{ offset: 0, length: 0x1000, gpa: 0xffff_d000, size: 0x1000, kind: 0, attributes: 1 }],
  })
}
