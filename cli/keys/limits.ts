import { type Nano, parseTon } from '#base/nano.ts'
import { UsageError } from '../command.ts'

/** Flags that limit a key. */
export const LIMIT_OPTIONS = {
  name: { type: 'string' },
  role: { type: 'string' },
  expires: { type: 'string' },
  models: { type: 'string' },
  origins: { type: 'string' },
  'sealed-only': { type: 'boolean' },
  rpm: { type: 'string' },
  tpm: { type: 'string' },
  concurrency: { type: 'string' },
  budget: { type: 'string' },
  'budget-day': { type: 'string' },
  'budget-week': { type: 'string' },
  'budget-month': { type: 'string' },
  'max-input-price': { type: 'string' },
  'max-output-price': { type: 'string' },
} as const

export type LimitFlags = {
  readonly [Name in keyof typeof LIMIT_OPTIONS]?:
    | ((typeof LIMIT_OPTIONS)[Name]['type'] extends 'boolean' ? boolean : string)
    | undefined
}

export const LIMIT_HELP = `  --name TEXT                what you call it
  --role admin               may make and revoke keys and read usage; default: inference
  --expires DATE             like 2027-01-31 (its first second, UTC) or 2027-01-31T12:00:00Z
  --models ID,ID             only these models
  --origins URL,URL          only pages of these origins
  --sealed-only              refuses requests that are not sealed
  --rpm N  --tpm N           requests and tokens per minute
  --concurrency N            requests at once
  --budget TON               in all; --budget-day, --budget-week, --budget-month for each of them (UTC)
  --max-input-price TON      ceiling per million tokens; --max-output-price likewise`

/** The body of `POST /v1/keys`; limits without a flag are not in it. @throws UsageError */
export function keyWish(flags: LimitFlags): Readonly<Record<string, unknown>> {
  const text = (name: keyof LimitFlags): string | undefined => {
    const value = flags[name]
    return typeof value === 'string' ? value : undefined
  }
  const amount = (name: keyof LimitFlags) => readTon(name, text(name))
  const wish = {
    name: flags.name,
    role: readRole(flags.role),
    sealed_only: flags['sealed-only'],
    expires_at: readTime(flags.expires),
    models: readList('models', flags.models),
    allowed_origins: readList('origins', flags.origins),
    requests_per_minute: readCount('rpm', flags.rpm),
    tokens_per_minute: readCount('tpm', flags.tpm),
    concurrency: readCount('concurrency', flags.concurrency),
    budget: orNothing({
      total: amount('budget'),
      day: amount('budget-day'),
      week: amount('budget-week'),
      month: amount('budget-month'),
    }),
    max_price: orNothing({
      input: amount('max-input-price'),
      output: amount('max-output-price'),
    }),
  }
  return orNothing(wish) ?? {}
}

/** Without the members that nobody set; undefined when none is left. */
function orNothing(members: object): Readonly<Record<string, unknown>> | undefined {
  const set = Object.entries(members).filter(([, value]) => value !== undefined)
  return set.length === 0 ? undefined : Object.fromEntries(set)
}

function readRole(text: string | undefined): string | undefined {
  if (text === undefined || text === 'admin' || text === 'inference') return text
  throw new UsageError('--role is admin or inference')
}

function readCount(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text)
  throw new UsageError(`--${flag} takes a whole number from 1`)
}

function readTon(flag: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  let amount: Nano
  try {
    amount = parseTon(text)
  } catch (cause) {
    throw new UsageError(`--${flag} takes an amount of TON, like 2.5`, { cause })
  }
  return amount.toString()
}

function readList(flag: string, text: string | undefined): readonly string[] | undefined {
  const list = text?.split(',').map((item) => item.trim())
  if (list?.some((item) => item === '')) {
    // An empty list would mean no limit to some and no access to others.
    throw new UsageError(`--${flag} takes names, separated by commas`)
  }
  return list
}

const DATE = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}Z)?$/

function readTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = DATE.test(text) ? Date.parse(text) : Number.NaN
  // Date.parse takes the 30th of February for a day in March.
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text.slice(0, 10)) {
    throw new UsageError('--expires takes a date like 2027-01-31, or 2027-01-31T12:00:00Z')
  }
  return ms / 1000
}
