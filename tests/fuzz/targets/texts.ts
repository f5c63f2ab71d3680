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
