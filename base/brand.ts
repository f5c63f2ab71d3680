declare const brand: unique symbol

/** A nominal type: `Brand<string, 'RunnerId'>` takes no plain string. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Seconds since 1970-01-01T00:00:00Z, whole. */
export type UnixSeconds = Brand<number, 'UnixSeconds'>

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type UnixMs = Brand<number, 'UnixMs'>

export function unixSeconds(value: number): UnixSeconds {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('not a time in seconds')
  // Sound: the check above is the definition of the brand.
  return value as UnixSeconds
}

export function unixMs(value: number): UnixMs {
  if (!Number.isFinite(value) || value < 0) throw new RangeError('not a time in milliseconds')
  // Sound: the check above is the definition of the brand.
  return value as UnixMs
}

export function toSeconds(ms: UnixMs): UnixSeconds {
  return unixSeconds(Math.floor(ms / 1000))
}

/** The clock, as an argument: only entry files read the real one. */
export type Clock = () => UnixMs

/** Cryptographic randomness, as an argument: `length` bytes. */
export type Random = (length: number) => Uint8Array<ArrayBuffer>
