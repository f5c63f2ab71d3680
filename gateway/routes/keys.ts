import { Hono } from 'hono'
import { z } from 'zod'
import { type UnixMs, unixMs } from '#base/brand.ts'
import { defined } from '#base/defined.ts'
import { type Nano, nanoPerMillion } from '#base/nano.ts'
import {
  changeKey,
  issueKey,
  type KeyView,
  listKeys,
  revokeKey,
  rotateKey,
} from '../accounts/keys.ts'
import { type KeyId, keyId } from '../db/ids.ts'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { callerOf, requireAccount, requireAdmin } from '../http/require-account.ts'
import type { KeyBudgetPatch, KeyRulesPatch } from '../ledger/port.ts'
import { nanoText } from './nano-text.ts'
import { readBody } from './read-body.ts'

const MAX_COUNT = 1_000_000_000
const DAY_SECONDS = 86_400

const amount = nanoText.nullable()
const count = z.number().int().min(1).max(MAX_COUNT).nullable()
const origin = z
  .string()
  .max(200)
  .refine(
    (text) => URL.canParse(text) && new URL(text).origin === text,
    'takes an origin, like https://page.example',
  )

/** Members that set a key's limits; null takes a limit away. */
const LIMITS = {
  models: z.array(z.string().min(1).max(200)).min(1).max(100).nullable().optional(),
  allowed_origins: z.array(origin).min(1).max(100).nullable().optional(),
  /** nanoTON per million tokens. */
  max_price: z
    .strictObject({ input: amount.optional(), output: amount.optional() })
    .nullable()
    .optional(),
  requests_per_minute: count.optional(),
  tokens_per_minute: count.optional(),
  concurrency: count.optional(),
  /** nanoTON, in all and for each UTC day, week and month. */
  budget: z
    .strictObject({
      total: amount.optional(),
      day: amount.optional(),
      week: amount.optional(),
      month: amount.optional(),
    })
    .nullable()
    .optional(),
}
/** What would break a line of a list or a log, or turn around what stands beside it. */
const UNSEEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u
const COMMON = {
  name: z
    .string()
    .max(100)
    .refine((text) => !UNSEEN.test(text), 'takes text without control characters')
    .optional(),
  sealed_only: z.boolean().optional(),
  /** Unix seconds. */
  expires_at: z.number().int().positive().max(253_402_300_799).nullable().optional(),
  ...LIMITS,
}
// Strict: a limit that was misspelt must not be a limit that is not there.
const NewKey = z.strictObject({ role: z.enum(['admin', 'inference']).optional(), ...COMMON })
const KeyChange = z.strictObject(COMMON)
const Rotation = z.strictObject({
  grace_seconds: z
    .number()
    .int()
    .min(0)
    .max(30 * DAY_SECONDS)
    .optional(),
})

/** An account's keys. Only admin keys and owners get here: a leaked inference key makes no further ones. */
export function keyRoutes(deps: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const guards = [requireAccount(deps), requireAdmin] as const

  app.get('/v1/keys', ...guards, async (context) => {
    const keys = await listKeys(deps.accounts, callerOf(context).account)
    return context.json({ object: 'list', data: keys.map(keyView) })
  })

  app.post('/v1/keys', ...guards, async (context) => {
    const wish = await readBody(context, NewKey)
    requireAhead(wish, deps.accounts.clock())
    const { text, ...key } = await issueKey(deps.accounts, callerOf(context).account, {
      name: wish.name ?? '',
      role: wish.role ?? 'inference',
      sealedOnly: wish.sealed_only ?? false,
      expires: timeOf(wish.expires_at) ?? null,
      rules: rulesOf(wish),
      budget: budgetOf(wish) ?? null,
    })
    return context.json({ ...keyView(key), key: text }, 201)
  })

  app.patch('/v1/keys/:id', ...guards, async (context) => {
    const wish = await readBody(context, KeyChange)
    requireAhead(wish, deps.accounts.clock())
    const { account } = callerOf(context)
    const id = readKeyId(context.req.param('id'))
    const changes = defined({
      name: wish.name,
      sealedOnly: wish.sealed_only,
      expires: timeOf(wish.expires_at),
      budget: budgetOf(wish),
    })
    const key = await changeKey(deps.accounts, account, { id, rules: rulesOf(wish), ...changes })
    return context.json(keyView(key))
  })

  app.post('/v1/keys/:id/rotate', ...guards, async (context) => {
    const { grace_seconds: graceSeconds = DAY_SECONDS } = await readBody(context, Rotation)
    const id = readKeyId(context.req.param('id'))
    const { text, ...key } = await rotateKey(deps.accounts, callerOf(context).account, {
      id,
      graceSeconds,
    })
    return context.json({ ...keyView(key), key: text })
  })

  app.delete('/v1/keys/:id', ...guards, async (context) => {
    const id = readKeyId(context.req.param('id'))
    return context.json(keyView(await revokeKey(deps.accounts, callerOf(context).account, id)))
  })
  return app
}

type Wish = z.infer<typeof KeyChange>

function rulesOf(wish: Wish): KeyRulesPatch {
  const { max_price: price } = wish
  const priceOf = (given: Nano | null | undefined) => given && nanoPerMillion(given)
  return defined({
    models: wish.models,
    origins: wish.allowed_origins,
    maxPrice:
      price === null
        ? { input: null, output: null }
        : price && defined({ input: priceOf(price.input), output: priceOf(price.output) }),
    requestsPerMinute: wish.requests_per_minute,
    tokensPerMinute: wish.tokens_per_minute,
    concurrency: wish.concurrency,
  })
}

function budgetOf({ budget }: Wish): KeyBudgetPatch | null | undefined {
  return budget && defined(budget)
}

/** Most likely milliseconds, another time zone or a slip: the key would be dead at once. Ending one is DELETE. */
function requireAhead({ expires_at: given }: Wish, now: UnixMs): void {
  if (given === undefined || given === null || given * 1000 > now) return
  throw new ApiError('invalid_request', 'expires_at takes a time to come, in Unix seconds', {
    param: 'expires_at',
  })
}

function timeOf(seconds: number | null | undefined): UnixMs | null | undefined {
  return seconds === undefined || seconds === null ? seconds : unixMs(seconds * 1000)
}

function readKeyId(text: string): KeyId {
  try {
    return keyId(text)
  } catch {
    throw new ApiError('key_not_found', 'No such key')
  }
}

function keyView(key: KeyView) {
  const { rules, budget } = key
  const { input, output } = rules.maxPrice
  return {
    id: key.id,
    object: 'api_key' as const,
    name: key.name,
    masked: key.masked,
    role: key.role,
    sealed_only: key.sealedOnly,
    models: rules.models,
    allowed_origins: rules.origins,
    max_price: { input: shown(input), output: shown(output) },
    requests_per_minute: rules.requestsPerMinute,
    tokens_per_minute: rules.tokensPerMinute,
    concurrency: rules.concurrency,
    budget:
      budget === null
        ? null
        : {
            total: shown(budget.total),
            day: shown(budget.day),
            week: shown(budget.week),
            month: shown(budget.month),
          },
    expires_at: secondsOf(key.expires),
    revoked_at: secondsOf(key.revoked),
    created_at: Math.floor(key.created / 1000),
    previous_until: secondsOf(key.previousUntil),
  }
}

function shown(amount: Nano | bigint | null): string | null {
  return amount === null ? null : amount.toString()
}

function secondsOf(time: UnixMs | null): number | null {
  return time === null ? null : Math.floor(time / 1000)
}
