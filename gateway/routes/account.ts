import { Hono } from 'hono'
import { openAccount } from '../accounts/open-account.ts'
import type { FrontDeps } from '../deps.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { limitStrangers } from '../http/limit-strangers.ts'
import { callerOf, requireAccount, requireAdmin } from '../http/require-account.ts'
import type { AccountState } from '../ledger/port.ts'
import { readDisplay } from './display.ts'
import { eventView, readLt, waitingView } from './event-view.ts'
import { readAccount } from './read-account.ts'
import { readBefore, usageAnswer } from './usage.ts'

const MAX_BODY_BYTES = 16 * 1024
const MAX_LISTED = 100

/** Accounts without e-mail. */
export function accountRoutes(deps: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { ledger } = deps.inference
  const account = requireAccount(deps)

  app.post('/v1/accounts', limitStrangers(deps.strangers), async (context) => {
    const opened = await openAccount(deps.accounts, await readJson(context, MAX_BODY_BYTES))
    const state = await readAccount(deps, opened.account)
    const status = opened.created ? 201 : 200
    return context.json(
      { account: await accountView(deps, state), key: opened.key.text, key_id: opened.key.id },
      status,
    )
  })

  app.get('/v1/account', account, async (context) =>
    context.json(await accountView(deps, await readAccount(deps, callerOf(context).account))),
  )

  app.get('/v1/account/usage', account, requireAdmin, (context) =>
    usageAnswer(deps.accounts, context),
  )

  app.get('/v1/account/deposits', account, requireAdmin, async (context) => {
    const of = { account: callerOf(context).account }
    const op = {
      op: 'list_events',
      of,
      before: readLt(context.req.query('before')),
      limit: MAX_LISTED,
    } as const
    const [{ events }, { deposits }] = await ledger.commit([op, { op: 'list_waiting', of }])
    return context.json({
      object: 'list',
      data: events.map(eventView),
      waiting: deposits.map(waitingView),
      next_before: events.length < MAX_LISTED ? null : (events.at(-1)?.lt.toString() ?? null),
    })
  })

  app.get('/v1/account/ledger', account, requireAdmin, async (context) => {
    const { account } = callerOf(context)
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

  return app
}

async function accountView(deps: FrontDeps, state: AccountState) {
  const { ticker, usd, dollars } = await readDisplay(deps.rates)
  return {
    id: state.id,
    object: 'account' as const,
    mode: state.mode,
    balance: { available: state.available.toString(), held: state.held.toString() },
    credited: state.credited.toString(),
    settled: state.settled.toString(),
    collected: state.collected.toString(),
    exit_at: state.exitAt,
    /** For people to read: nothing is computed with it. */
    display: { ticker, usd, available_usd: dollars(state.available) },
    /** The memo is the account id: a plain transfer to the Till with this comment is a deposit. */
    deposit: deps.till === undefined ? null : { till: deps.till.address, comment: state.id },
    top_up_url: deps.inference.topUpUrl(state.id),
    created_at: Math.floor(state.created / 1000),
  }
}
