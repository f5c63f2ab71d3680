import { type Bytes, fromHex } from '#base/bytes.ts'

/** A GUID's bytes as UEFI stores them: the first three groups little-endian. @see UEFI 2.10 appendix A */
export function guidBytes(text: string): Bytes {
  const groups = text.split('-').map((group) => fromHex(group))
  const bytes = groups.flatMap((group, index) => (index < 3 ? [...group].reverse() : [...group]))
  return new Uint8Array(bytes)
}
