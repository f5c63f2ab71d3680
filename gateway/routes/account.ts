import { Hono } from 'hono'
import { z } from 'zod'
import { type UnixMs, unixMs } from '#base/brand.ts'
import { formatTon, type Nano } from '#base/nano.ts'
import {
  changeKey,
  FIRST_KEY,
  issueKey,
  type KeyView,
  listKeys,
  revokeKey,
} from '../accounts/keys.ts'
import { openAccount } from '../accounts/open-account.ts'
import { type AccountId, type KeyId, keyId, requestId } from '../db/ids.ts'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { identityOf, requireAccount } from '../http/require-account.ts'
import type { AccountState, SettledRequest } from '../ledger/port.ts'
import { eventView, readLt } from './event-view.ts'

const MAX_BODY_BYTES = 16 * 1024
const MAX_LISTED = 100

const NewKey = z.object({
  name: z.string().max(100).optional(),
  sealed_only: z.boolean().optional(),
  /** Unix seconds. */
  expires_at: z.number().int().positive().max(253_402_300_799).nullable().optional(),
})
const KeyChange = z.object({
  name: z.string().max(100).optional(),
  sealed_only: z.boolean().optional(),
})

/** Accounts without e-mail, and their keys. */
export function accountRoutes(deps: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { ledger } = deps.inference
  const account = requireAccount(deps)

  app.post('/v1/accounts', async (context) => {
    const opened = await openAccount(deps.accounts, await readJson(context, MAX_BODY_BYTES))
    const state = await readAccount(deps, opened.account)
    const status = opened.created ? 201 : 200
    return context.json(
      { account: accountView(deps, state), key: opened.key.text, key_id: opened.key.id },
      status,
    )
  })

  app.get('/v1/account', account, async (context) =>
    context.json(accountView(deps, await readAccount(deps, identityOf(context).account))),
  )

  app.get('/v1/account/usage', account, async (context) => {
    const before = readBefore(context.req.query('before'))
    const [{ settlements }] = await ledger.commit([
      {
        op: 'list_settlements',
        account: identityOf(context).account,
        before,
        limit: MAX_LISTED,
      },
    ])
    const last = settlements.at(-1)
    return context.json({
      object: 'list',
      data: settlements.map(usageView),
      next_before: settlements.length < MAX_LISTED ? null : (last?.id ?? null),
    })
  })

  app.get('/v1/account/deposits', account, async (context) => {
    const op = {
      op: 'list_events',
      of: { account: identityOf(context).account },
      before: readLt(context.req.query('before')),
      limit: MAX_LISTED,
    } as const
    const [{ events }] = await ledger.commit([op])
    return context.json({
      object: 'list',
      data: events.map(eventView),
      next_before: events.length < MAX_LISTED ? null : (events.at(-1)?.lt.toString() ?? null),
    })
  })

  app.get('/v1/account/ledger', account, async (context) => {
    const { account } = identityOf(context)
    const before = readBefore(context.req.query('before'))
    const [{ movements }] = await ledger.commit([
      { op: 'list_movements', account, before, limit: MAX_LISTED },
    ])
    return context.json({
      object: 'list',
      data: movements.map(({ id, kind, amount, at }) => ({
        id,
        kind,
        amount: amount.toString(),
        at: Math.floor(at / 1000),
      })),
      next_before: movements.length < MAX_LISTED ? null : (movements.at(-1)?.id ?? null),
    })
  })

  app.get('/v1/credits', account, async (context) => {
    const { credited, settled } = await readAccount(deps, identityOf(context).account)
    return context.json({
      data: { total_credits: tonNumber(credited), total_usage: tonNumber(settled) },
    })
  })

  app.get('/v1/generation', account, async (context) => {
    const id = /^(req_[0-9a-f]{32})(?:\.([1-9][0-9]{0,2}))?$/.exec(context.req.query('id') ?? '')
    if (id === null) throw new ApiError('not_found', 'No such generation')
    const [found] = await ledger.commit([
      {
        op: 'find_settlement',
        account: identityOf(context).account,
        request: requestId(id[1] ?? ''),
        attempt: Number(id[2] ?? '1'),
      },
    ])
    if (!found.ok) throw new ApiError('not_found', 'No such generation')
    return context.json({ data: usageView(found.settlement) })
  })

  addKeyRoutes(app, deps)
  return app
}

function addKeyRoutes(app: Hono<AppEnv>, deps: FrontDeps): void {
  const account = requireAccount(deps)

  app.get('/v1/key', account, async (context) => {
    const identity = identityOf(context)
    const keys = await listKeys(deps.accounts, identity.account)
    const key = keys.find(({ id }) => id === identity.key)
    if (key === undefined) throw new ApiError('key_not_found', 'No such key')
    return context.json({ data: { ...keyView(key), label: key.masked, account: identity.account } })
  })

  app.get('/v1/keys', account, async (context) => {
    const keys = await listKeys(deps.accounts, identityOf(context).account)
    return context.json({ object: 'list', data: keys.map(keyView) })
  })

  app.post('/v1/keys', account, async (context) => {
    const wish = parse(NewKey, await readJson(context, MAX_BODY_BYTES))
    const expires: UnixMs | null =
      wish.expires_at === undefined || wish.expires_at === null
        ? null
        : unixMs(wish.expires_at * 1000)
    const { text, ...key } = await issueKey(deps.accounts, identityOf(context).account, {
      ...FIRST_KEY,
      name: wish.name ?? '',
      sealedOnly: wish.sealed_only ?? false,
      expires,
    })
    return context.json({ ...keyView(key), key: text }, 201)
  })

  app.patch('/v1/keys/:id', account, async (context) => {
    const change = parse(KeyChange, await readJson(context, MAX_BODY_BYTES))
    const key = await changeKey(deps.accounts, identityOf(context).account, {
      id: readKeyId(context.req.param('id')),
      ...(change.name === undefined ? {} : { name: change.name }),
      ...(change.sealed_only === undefined ? {} : { sealedOnly: change.sealed_only }),
    })
    return context.json(keyView(key))
  })

  app.delete('/v1/keys/:id', account, async (context) => {
    const id = readKeyId(context.req.param('id'))
    return context.json(keyView(await revokeKey(deps.accounts, identityOf(context).account, id)))
  })
}

async function readAccount(deps: FrontDeps, id: AccountId): Promise<AccountState> {
  const [read] = await deps.inference.ledger.commit([{ op: 'read_account', account: id }])
  if (!read.ok) throw new ApiError('account_not_found', 'No such account')
  return read.account
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const param = result.error.issues[0]?.path.join('.')
  throw new ApiError('invalid_request', 'A member of the request body is not valid', {
    ...(param === undefined || param === '' ? {} : { param }),
  })
}

function readBefore(text: string | undefined): number | null {
  if (text === undefined) return null
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text)
  throw new ApiError('invalid_request', 'before must be an id of an earlier page', {
    param: 'before',
  })
}

function readKeyId(text: string): KeyId {
  try {
    return keyId(text)
  } catch {
    throw new ApiError('key_not_found', 'No such key')
  }
}

function accountView(deps: FrontDeps, state: AccountState) {
  return {
    id: state.id,
    object: 'account' as const,
    mode: state.mode,
    balance: { available: state.available.toString(), held: state.held.toString() },
    credited: state.credited.toString(),
    settled: state.settled.toString(),
    collected: state.collected.toString(),
    exit_at: state.exitAt,
    /** The memo is the account id: a plain transfer to the Till with this comment is a deposit. */
    deposit: deps.till === undefined ? null : { till: deps.till.address, comment: state.id },
    top_up_url: deps.inference.topUpUrl(state.id),
    created_at: Math.floor(state.created / 1000),
  }
}

function keyView(key: KeyView) {
  return {
    id: key.id,
    object: 'api_key' as const,
    name: key.name,
    masked: key.masked,
    sealed_only: key.sealedOnly,
    expires_at: key.expires === null ? null : Math.floor(key.expires / 1000),
    revoked_at: key.revoked === null ? null : Math.floor(key.revoked / 1000),
    created_at: Math.floor(key.created / 1000),
  }
}

function usageView(settled: SettledRequest) {
  return {
    id: settled.attempt === 1 ? settled.request : `${settled.request}.${settled.attempt}`,
    model: settled.model,
    runner: settled.runner,
    session_id: settled.session,
    key_id: settled.key,
    created_at: Math.floor(settled.reservedAt / 1000),
    settled_at: Math.floor(settled.settledAt / 1000),
    tokens_prompt: settled.usage.prompt_tokens,
    tokens_cached: settled.usage.cached_tokens,
    tokens_completion: settled.usage.completion_tokens,
    tokens_reasoning: settled.usage.reasoning_tokens,
    finish: settled.stop,
    cost: settled.cost.toString(),
    total_cost: tonNumber(settled.cost),
  }
}

/** TON as a JSON number: for display and for OpenRouter's clients only. */
function tonNumber(amount: Nano): number {
  return Number(formatTon(amount))
}
