import { type Bytes, hex, utf8 } from '#base/bytes.ts'

/** Bytes from outside as text, ill-formed or not: what a platform hands over. */
export const textOf = (bytes: Bytes): string => new TextDecoder().decode(bytes)

/** As a JSON body reaches a parser; what is no JSON reaches it as a string, which it must refuse too. */
export function jsonOf(bytes: Bytes): unknown {
  const text = textOf(bytes)
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return text
  }
}

export const jsonBytes = (value: unknown): Bytes => utf8(JSON.stringify(value, wire) ?? '')

/** A value as text, to be compared. */
export function show(value: unknown): string {
  return JSON.stringify(value, wire) ?? String(value)
}

function wire(_: string, member: unknown): unknown {
  if (typeof member === 'bigint') return member.toString()
  if (member instanceof Uint8Array) return hex(member)
  return member instanceof Map || member instanceof Set ? [...member] : member
}

/** Small ones that the input itself chooses, so that a cut falls within any prefix or mark; of a long input the rest in one. */
export function inPieces(bytes: Bytes): readonly Bytes[] {
  const size = 1 + ((bytes[0] ?? 0) % 7) + ((bytes.at(-1) ?? 0) % 29)
  const count = Math.min(MOST_PIECES, Math.ceil(bytes.length / size))
  const pieces = Array.from({ length: count }, (_, i) => bytes.slice(i * size, (i + 1) * size))
  return [...pieces, bytes.slice(count * size)]
}

const MOST_PIECES = 40
