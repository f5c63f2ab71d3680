import { type NanoPerMillion, nanoPerMillion, parseTon } from '#base/nano.ts'
import { ApiError } from '../errors.ts'

/** The caller's wishes about runners: the part of OpenRouter's `provider` object that has a meaning here. */
export interface Preferences {
  /** Runner ids or wallets of hosts; undefined: any. */
  readonly only: ReadonlySet<string> | undefined
  readonly ignore: ReadonlySet<string>
  /** Tried in this order before all others. */
  readonly order: readonly string[]
  /** Others than those of `order` may serve, when none of them can. */
  readonly allowFallbacks: boolean
  /** One criterion instead of the balance of all. */
  readonly sort: Sort | undefined
  /** `zdr` or `data_collection: "deny"`: only machines whose hardware was verified, which cannot keep what they serve. */
  readonly noRetention: boolean
  /** Most that the caller pays, nanoTON per million tokens. */
  readonly maxPrice: {
    readonly input: NanoPerMillion | undefined
    readonly output: NanoPerMillion | undefined
  }
}

export type Sort = (typeof SORTS)[number]
const SORTS = ['price', 'throughput', 'latency'] as const

const NO_IDS: ReadonlySet<string> = new Set()

export const NO_PREFERENCES: Preferences = {
  only: undefined,
  ignore: NO_IDS,
  order: [],
  allowFallbacks: true,
  sort: undefined,
  noRetention: false,
  maxPrice: { input: undefined, output: undefined },
}

const MAX_IDS = 100
const TON_DECIMALS = 9

/** @param value the body's `provider`; members without a meaning here are ignored. @throws ApiError */
export function readPreferences(value: unknown): Preferences {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return NO_PREFERENCES
  // Sound: neither null nor an array, so an object with string keys.
  const provider = value as Readonly<Record<string, unknown>>
  refuseUnknownFilters(provider)
  const only = ids(provider, 'only')
  const maxPrice = provider['max_price']
  return {
    only: only === undefined ? undefined : new Set(only),
    ignore: new Set(ids(provider, 'ignore')),
    order: ids(provider, 'order') ?? [],
    allowFallbacks: booleanOf(provider, 'allow_fallbacks') ?? true,
    sort: oneOf(provider, 'sort', SORTS),
    noRetention:
      booleanOf(provider, 'zdr') === true ||
      oneOf(provider, 'data_collection', ['allow', 'deny']) === 'deny',
    maxPrice:
      typeof maxPrice === 'object' && maxPrice !== null
        ? // Sound: a non-null object is read by own string keys only.
          readMaxPrice(maxPrice as Readonly<Record<string, unknown>>)
        : NO_PREFERENCES.maxPrice,
  }
}

/** A filter that would be ignored in silence is worse than none. */
function refuseUnknownFilters(provider: Readonly<Record<string, unknown>>): void {
  const { quantizations } = provider
  if (!Array.isArray(quantizations) || quantizations.length === 0) return
  throw new ApiError(
    'unsupported_parameter',
    'provider.quantizations is not known here: a model is one set of weights, named by its digest',
    { param: 'provider.quantizations' },
  )
}

function booleanOf(provider: Readonly<Record<string, unknown>>, name: string): boolean | undefined {
  const value = provider[name] ?? undefined
  if (value === undefined || typeof value === 'boolean') return value
  throw new ApiError('invalid_request', `provider.${name} must be a boolean`, {
    param: `provider.${name}`,
  })
}

function oneOf<const T extends string>(
  provider: Readonly<Record<string, unknown>>,
  name: string,
  words: readonly T[],
): T | undefined {
  const value = provider[name] ?? undefined
  if (value === undefined) return undefined
  const word = words.find((each) => each === value)
  if (word !== undefined) return word
  throw new ApiError('invalid_request', `provider.${name} must be one of ${words.join(', ')}`, {
    param: `provider.${name}`,
  })
}

function ids(
  provider: Readonly<Record<string, unknown>>,
  name: string,
): readonly string[] | undefined {
  const value = provider[name] ?? undefined
  if (value === undefined) return undefined
  const valid =
    Array.isArray(value) && value.length <= MAX_IDS && value.every((id) => typeof id === 'string')
  if (!valid) {
    throw new ApiError(
      'invalid_request',
      `provider.${name} must be a list of runner ids or wallets`,
      {
        param: `provider.${name}`,
      },
    )
  }
  return value
}

/** Like OpenRouter's, in TON per million tokens: a decimal string, or a number. */
function readMaxPrice(price: Readonly<Record<string, unknown>>): Preferences['maxPrice'] {
  const read = (name: string): NanoPerMillion | undefined => {
    const value = price[name] ?? undefined
    if (value === undefined) return undefined
    try {
      // A small number's own text may be 1e-7.
      const text = typeof value === 'number' ? value.toFixed(TON_DECIMALS) : String(value)
      return nanoPerMillion(parseTon(text))
    } catch {
      throw new ApiError('invalid_request', `provider.max_price.${name} must be an amount of TON`, {
        param: `provider.max_price.${name}`,
      })
    }
  }
  return { input: read('prompt'), output: read('completion') }
}
