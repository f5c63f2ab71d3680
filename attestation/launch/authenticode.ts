import { type Bytes, concatAll } from '#base/bytes.ts'
import { ByteReader } from '#base/reader.ts'
import { type DigestName, digestOf } from '../digest.ts'
import { parsingFile } from './launch-error.ts'

const PE_SIGNATURE = 0x0000_4550
const PE32_PLUS = 0x20b
const PE_AT = 0x3c
const COFF_BYTES = 24 // with the signature
const SECTION_BYTES = 40
/** Offsets in the optional header of PE32+. */
const HEADERS_SIZE = 60
const CHECKSUM = 64
const SECURITY_DIRECTORY = 112 + 4 * 8

/**
 * Digest of a PE32+ image as UEFI measures it: everything but its checksum, the place of its signature, and the
 * signature.
 * @throws LaunchError `bad_kernel`
 * @see Microsoft, Windows Authenticode Portable Executable Signature Format; UEFI 2.10 section 32.2.4
 */
export async function authenticodeDigest(name: DigestName, image: Bytes): Promise<Bytes> {
  const parts = parsingFile('bad_kernel', 'the kernel', () => hashedParts(image))
  return digestOf(name, concatAll(parts))
}

function hashedParts(image: Bytes): readonly Uint8Array[] {
  const pe = readerAt(image, PE_AT).u32le()
  const coff = readerAt(image, pe)
  if (coff.u32le() !== PE_SIGNATURE) throw new RangeError('not a PE image')
  coff.u16le()
  const sections = coff.u16le()
  coff.skip(12)
  const optionalBytes = coff.u16le()
  const optional = pe + COFF_BYTES
  if (readerAt(image, optional).u16le() !== PE32_PLUS) throw new RangeError('not PE32+')
  const headers = readerAt(image, optional + HEADERS_SIZE).u32le()
  const directory = optional + SECURITY_DIRECTORY
  if (headers > image.length || directory + 8 > headers) throw new RangeError('headers are short')
  const signed = readerAt(image, directory)
  const [, signatureBytes] = [signed.u32le(), signed.u32le()]

  const parts = [
    image.subarray(0, optional + CHECKSUM),
    image.subarray(optional + CHECKSUM + 4, directory),
    image.subarray(directory + 8, headers),
  ]
  let hashed = headers
  for (const { at, size } of readSections(image, optional + optionalBytes, sections)) {
    parts.push(image.subarray(at, at + size))
    hashed += size
  }
  // What stands behind the last section is hashed too, but for the signature at its end.
  const rest = image.length - signatureBytes
  if (rest > hashed) parts.push(image.subarray(hashed, rest))
  return parts
}

function readSections(image: Bytes, table: number, count: number) {
  const reader = readerAt(image, table)
  const sections = Array.from({ length: count }, () => {
    const row = new ByteReader(reader.take(SECTION_BYTES))
    row.skip(16)
    const size = row.u32le()
    const at = row.u32le()
    if (at + size > image.length) throw new RangeError('a section lies outside the image')
    return { at, size }
  })
  return sections.filter(({ size }) => size > 0).sort((a, b) => a.at - b.at)
}

function readerAt(image: Bytes, at: number): ByteReader {
  if (at > image.length) throw new RangeError('an offset lies outside the image')
  return new ByteReader(image.subarray(at))
}
