import { isObject } from '#base/members.ts'
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
  /** Only runners that say that they honour every parameter of the request. */
  readonly requireParameters: boolean
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
  requireParameters: false,
  maxPrice: { input: undefined, output: undefined },
}

const MAX_IDS = 100
const TON_DECIMALS = 9

/** What is read here. */
const WISHES = [
  'only',
  'ignore',
  'order',
  'allow_fallbacks',
  'sort',
  'zdr',
  'data_collection',
  'require_parameters',
  'max_price',
] as const
/** Wishes that exclude nobody: they are taken, and weigh nothing here. */
const WEIGHTLESS = ['preferred_min_throughput', 'preferred_max_latency'] as const
/** Filters that cannot be kept here: taken only where they ask for nothing. */
const UNKNOWABLE = {
  quantizations: 'a model is one set of weights, named by its digest',
  enforce_distillable_text: 'no runner tells the licence of its model’s answers',
} as const
const KNOWN: ReadonlySet<string> = new Set([...WISHES, ...WEIGHTLESS, ...Object.keys(UNKNOWABLE)])
/** Those are judged by the protocol's own rules. @see aci/1, "serving constraints" */
const CONSTRAINT = 'aci_'

/**
 * Reads the body's `provider`. What it does not know it refuses: a wish that is ignored in silence is worse than none.
 * @throws ApiError
 */
export function readPreferences(value: unknown): Preferences {
  if ((value ?? undefined) === undefined) return NO_PREFERENCES
  const provider = recordOf('provider', value)
  refuseUnknown(provider)
  const only = ids(provider, 'only')
  return {
    only: only === undefined ? undefined : new Set(only),
    ignore: new Set(ids(provider, 'ignore')),
    order: ids(provider, 'order') ?? [],
    allowFallbacks: booleanOf(provider, 'allow_fallbacks') ?? true,
    sort: readSort(provider),
    noRetention:
      booleanOf(provider, 'zdr') === true ||
      oneOf(provider, 'data_collection', ['allow', 'deny']) === 'deny',
    requireParameters: booleanOf(provider, 'require_parameters') === true,
    maxPrice: readMaxPrice(provider['max_price']),
  }
}

type Members = Readonly<Record<string, unknown>>

function recordOf(param: string, value: unknown): Members {
  if (isObject(value)) return value
  throw new ApiError('invalid_request', `${param} must be an object`, { param })
}

function refuseUnknown(provider: Members): void {
  const isKnown = (name: string) => KNOWN.has(name) || name.startsWith(CONSTRAINT)
  if (!Object.keys(provider).every(isKnown)) {
    const message = `provider has a member that is not known here; it takes ${[...KNOWN].join(', ')}`
    throw new ApiError('unsupported_parameter', message, { param: 'provider' })
  }
  for (const [name, why] of Object.entries(UNKNOWABLE)) {
    const value = provider[name] ?? false
    if (value === false || (Array.isArray(value) && value.length === 0)) continue
    throw new ApiError('unsupported_parameter', `provider.${name} is not known here: ${why}`, {
      param: `provider.${name}`,
    })
  }
}

/** A word, or OpenRouter's object of it, whose `partition` has no other meaning here than its default. */
function readSort(provider: Members): Sort | undefined {
  const { sort } = provider
  if (typeof sort !== 'object' || sort === null) return oneOf(provider, 'sort', SORTS)
  const object = recordOf('provider.sort', sort)
  const { by, partition = 'model', ...more } = object
  if (partition !== 'model' || Object.keys(more).length > 0) {
    throw new ApiError(
      'unsupported_parameter',
      'provider.sort takes one of its words, or {by, partition: "model"}',
      { param: 'provider.sort' },
    )
  }
  return oneOf({ sort: by }, 'sort', SORTS)
}

function booleanOf(provider: Members, name: string): boolean | undefined {
  const value = provider[name] ?? undefined
  if (value === undefined || typeof value === 'boolean') return value
  throw new ApiError('invalid_request', `provider.${name} must be a boolean`, {
    param: `provider.${name}`,
  })
}

function oneOf<const T extends string>(
  provider: Members,
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

function ids(provider: Members, name: string): readonly string[] | undefined {
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

/** By its names at OpenRouter. Nothing else than tokens has a price here, so that every other ceiling holds. */
const PRICES = ['prompt', 'completion', 'request', 'image', 'audio'] as const

/** In TON per million tokens: a decimal string, or a number. */
function readMaxPrice(value: unknown): Preferences['maxPrice'] {
  if ((value ?? undefined) === undefined) return NO_PREFERENCES.maxPrice
  const price = recordOf('provider.max_price', value)
  const known: ReadonlySet<string> = new Set(PRICES)
  if (!Object.keys(price).every((name) => known.has(name))) {
    throw new ApiError(
      'unsupported_parameter',
      `provider.max_price has a member that is not known here; it takes ${PRICES.join(', ')}`,
      { param: 'provider.max_price' },
    )
  }
  const [input, output] = PRICES.map((name) => readPrice(price, name))
  return { input, output }
}

function readPrice(price: Members, name: string): NanoPerMillion | undefined {
  const value = price[name] ?? undefined
  if (value === undefined) return undefined
  try {
    return nanoPerMillion(parseTon(tonText(value)))
  } catch {
    throw new ApiError('invalid_request', `provider.max_price.${name} must be an amount of TON`, {
      param: `provider.max_price.${name}`,
    })
  }
}

/** A small number's own text may be 1e-7. @throws TypeError */
function tonText(value: unknown): string {
  if (typeof value === 'number') return value.toFixed(TON_DECIMALS)
  if (typeof value === 'string') return value
  throw new TypeError('neither a number nor a text')
}
