import type { Hono } from 'hono'
import type { AppDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import type { ChainEvent } from '../ledger/port.ts'
import type { MoneyStatus } from '../money/money-watch.ts'
import { eventView, readLt } from './event-view.ts'

const MAX_LISTED = 100
const KINDS: ReadonlySet<string> = new Set<ChainEvent['kind']>([
  'deposit',
  'orphan',
  'returned',
  'unattributed',
  'operation',
])

/** How the cashier fares, and money that no rule credits. The caller has let the operator in. */
export function addMoneyRoutes(app: Hono<AppEnv>, deps: AppDeps): void {
  app.get('/admin/cashier', async (context) => {
    const { liabilities } = await deps.reserves.snapshot()
    return context.json({
      ...statusView(await deps.moneyStatus()),
      liabilities: {
        accounts: liabilities.accounts.toString(),
        hosts: liabilities.hosts.toString(),
        losses: liabilities.losses.toString(),
      },
    })
  })

  app.get('/admin/events', async (context) => {
    const kind = context.req.query('kind') ?? 'orphan'
    if (!KINDS.has(kind)) {
      throw new ApiError('invalid_request', `kind is one of ${[...KINDS].join(', ')}`, {
        param: 'kind',
      })
    }
    const before = readLt(context.req.query('before'))
    // Sound: the kind was just found in the closed list.
    const of = { kind: kind as ChainEvent['kind'] }
    const [{ events }] = await deps.runners.ledger.commit([
      { op: 'list_events', of, before, limit: MAX_LISTED },
    ])
    return context.json({
      object: 'list',
      data: events.map(eventView),
      next_before: events.length < MAX_LISTED ? null : (events.at(-1)?.lt.toString() ?? null),
    })
  })
}

function statusView({ gas, cashier, rotationAt, reconcile }: MoneyStatus) {
  return {
    gas_wallet: gas && { ...gas, balance: gas.balance.toString() },
    last_round: cashier && { ...cashier, at: Math.floor(cashier.at / 1000) },
    rotation_at: rotationAt,
    reconciliation: reconcile && {
      ...reconcile,
      at: Math.floor(reconcile.at / 1000),
      difference: reconcile.difference.toString(),
    },
  }
}
