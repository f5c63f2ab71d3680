import { Hono } from 'hono'
import { formatTon, type Nano, nano } from '#base/nano.ts'
import { type KeyView, listKeys } from '../accounts/keys.ts'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { callerOf, requireAccount } from '../http/require-account.ts'
import type { BudgetPeriod, KeySpending, SettledRequest } from '../ledger/port.ts'
import { readAccount } from './read-account.ts'
import { readSettlementId } from './settlement-id.ts'

/** What clients of OpenRouter ask about themselves, in its shapes. Its credits are TON here. */
export function openRouterRoutes(deps: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { ledger, clock } = deps.accounts
  const account = requireAccount(deps)

  app.get('/v1/key', account, async (context) => {
    const caller = callerOf(context)
    const keys = await listKeys(deps.accounts, caller.account)
    const key = keys.find(({ id }) => id === caller.key)
    if (key === undefined) throw new ApiError('key_not_found', 'A session is no key')
    const asked = {
      op: 'read_spending',
      account: caller.account,
      key: key.id,
      at: clock(),
    } as const
    const [{ spending }] = await ledger.commit([asked])
    const rates = deps.inference.limiter.look({ key: key.id, rules: key.rules })
    return context.json({ data: ownKeyView(key, spending, caller.account) }, 200, rates)
  })

  app.get('/v1/credits', account, async (context) => {
    const { credited, settled } = await readAccount(deps, callerOf(context).account)
    return context.json({
      data: { total_credits: tonNumber(credited), total_usage: tonNumber(settled) },
    })
  })

  app.get('/v1/generation', account, async (context) => {
    const id = context.req.query('id') ?? ''
    if (id === '') {
      throw new ApiError('invalid_request', 'Name the generation: ?id=…', { param: 'id' })
    }
    const asked = readSettlementId(callerOf(context).account, id)
    if (asked === undefined) throw new ApiError('not_found', 'No such generation')
    const [found] = await ledger.commit([asked])
    if (!found.ok) throw new ApiError('not_found', 'No such generation')
    return context.json({ data: generationView(found.settlement) })
  })
  return app
}

/** The window that OpenRouter's one limit is about: the shortest that the key has. */
const RESETS = [
  ['day', 'daily'],
  ['week', 'weekly'],
  ['month', 'monthly'],
  ['total', null],
] as const satisfies readonly (readonly [BudgetPeriod, string | null])[]

function ownKeyView(key: KeyView, spending: KeySpending, account: string) {
  const { budget, rules } = key
  const [period, reset] = RESETS.find(([name]) => (budget?.[name] ?? null) !== null) ?? [
    'total',
    null,
  ]
  const limit = budget?.[period] ?? null
  const used = spending[period] + spending.held
  return {
    id: key.id,
    account,
    label: key.masked,
    name: key.name,
    role: key.role,
    sealed_only: key.sealedOnly,
    limit: limit === null ? null : tonNumber(limit),
    limit_remaining: limit === null ? null : tonNumber(nano(limit > used ? limit - used : 0n)),
    limit_reset: reset,
    usage: tonNumber(spending.total),
    usage_daily: tonNumber(spending.day),
    usage_weekly: tonNumber(spending.week),
    usage_monthly: tonNumber(spending.month),
    byok_usage: 0,
    byok_usage_daily: 0,
    byok_usage_weekly: 0,
    byok_usage_monthly: 0,
    include_byok_in_limit: false,
    is_free_tier: false,
    is_management_key: key.role === 'admin',
    is_provisioning_key: key.role === 'admin',
    creator_user_id: null,
    expires_at: key.expires === null ? null : new Date(key.expires).toISOString(),
    rate_limit: {
      requests: rules.requestsPerMinute ?? -1,
      interval: '1m',
      note: '-1: no limit',
    },
  }
}

/** How OpenAI calls the reasons of receipts. */
const FINISH = {
  normal: 'stop',
  length: 'length',
  aborted: null,
  error: 'error',
} as const satisfies Record<SettledRequest['stop'], string | null>

/** Null is what this gateway does not know: it keeps no content and no parameters. */
function generationView(settled: SettledRequest) {
  const { usage, cost, commission } = settled
  return {
    id: receiptIdOf(settled),
    upstream_id: settled.session,
    model: settled.model,
    provider_name: settled.runner,
    created_at: new Date(settled.reservedAt).toISOString(),
    total_cost: tonNumber(cost),
    usage: tonNumber(cost),
    upstream_inference_cost: tonNumber(nano(cost - commission)),
    cache_discount: null,
    is_byok: false,
    streamed: null,
    cancelled: settled.stop === 'aborted',
    finish_reason: FINISH[settled.stop],
    native_finish_reason: settled.stop,
    latency: null,
    moderation_latency: null,
    generation_time: settled.settledAt - settled.reservedAt,
    tokens_prompt: usage.prompt_tokens,
    tokens_completion: usage.completion_tokens,
    native_tokens_prompt: usage.prompt_tokens,
    native_tokens_completion: usage.completion_tokens,
    native_tokens_completion_images: null,
    native_tokens_reasoning: usage.reasoning_tokens,
    native_tokens_cached: usage.cached_tokens,
    num_media_prompt: null,
    num_input_audio_prompt: null,
    num_media_completion: null,
    num_search_results: null,
    num_fetches: null,
    web_search_engine: null,
    app_id: null,
    api_type: null,
    external_user: null,
    http_referer: null,
    origin: '',
    preset_id: null,
    provider_responses: null,
    router: null,
    service_tier: null,
    user_agent: null,
    data_region: 'global',
    key_id: settled.key,
    cost_nano: cost.toString(),
  }
}

/** The receipt that a settlement was made by. */
export function receiptIdOf({ request, attempt }: Pick<SettledRequest, 'request' | 'attempt'>) {
  return attempt === 1 ? request : `${request}.${attempt}`
}

/** TON as a JSON number: for display and for OpenRouter's clients only. */
export function tonNumber(amount: Nano): number {
  return Number(formatTon(amount))
}
