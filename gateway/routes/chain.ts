import { Hono } from 'hono'
import { hex } from '#base/bytes.ts'
import { tonAddress } from '../db/ids.ts'
import type { AppDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { callerOf, requireAccount } from '../http/require-account.ts'
import { MoneyError } from '../money/errors.ts'
import { isCovered, type ReservesSnapshot } from '../money/reserves.ts'
import type { TillState } from '../money/till-views.ts'
import { trackRecordView } from './track-record-view.ts'

/** What stands on chain, and what hosts have earned. */
export function chainRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { ledger, latestVoucher, records } = deps.runners

  app.get('/v1/till', async (context) => {
    const { till } = deps
    if (till === undefined) throw new ApiError('not_found', 'This gateway has no Till')
    const [reserves, chain] = await Promise.all([deps.reserves.snapshot(), chainState(deps)])
    return context.json({
      address: till.address,
      meter_key: till.meterKey,
      commission_bps: deps.commissionBps,
      chain: chain === undefined ? null : chainView(chain),
      reserves: reservesView(reserves, chain),
    })
  })

  app.get('/v1/account/reserves', requireAccount(deps), async (context) => {
    const snapshot = await deps.reserves.snapshot()
    const proof = await snapshot.proofFor(callerOf(context).account)
    if (proof === undefined) {
      throw new ApiError(
        'account_not_found',
        'Not in the last snapshot yet: ask again in ten seconds',
      )
    }
    return context.json({
      ...proof,
      balance: proof.balance.toString(),
      path: proof.path.map((step) => ({ ...step, sum: step.sum.toString() })),
      sum: proof.sum.toString(),
    })
  })

  app.get('/v1/registry', (context) => {
    const kept = deps.registry()
    if (kept === undefined) {
      throw new ApiError('chain_unavailable', 'The Registry has not been read yet')
    }
    const entries = Object.entries(kept.registry.entries).map(([kind, all]) => [
      kind,
      [...all].map(([hash, { activeFrom, revokedAt, meta }]) => ({
        hash,
        active_from: activeFrom,
        revoked_at: revokedAt,
        meta,
      })),
    ])
    return context.json({
      address: deps.registryAddress,
      version: kept.registry.version,
      read_at: kept.readAt,
      // Whoever trusts nobody reads the chain itself (C4).
      source: 'as told by gateway',
      entries: Object.fromEntries(entries),
    })
  })

  app.get('/v1/hosts/:address', async (context) => {
    const payee = readAddress(context.req.param('address'))
    const [{ host }] = await ledger.commit([{ op: 'read_host', payee }])
    const voucher = await latestVoucher(payee)
    return context.json({
      address: payee,
      earned: host.earned.toString(),
      collected: host.collected.toString(),
      vouchered: host.vouchered.toString(),
      redeemed: host.redeemed.toString(),
      voucher: voucher ?? null,
      runners: (await records.ofHost(payee)).map(({ id, model, seen, record }) => ({
        id,
        model,
        seen_at: seen,
        track_record: trackRecordView(record, records),
      })),
    })
  })
  return app
}

export function readAddress(text: string) {
  try {
    return tonAddress(text)
  } catch {
    throw new ApiError('invalid_request', 'takes a raw TON address (0:<64 hex digits>)', {
      param: 'address',
    })
  }
}

/** Null in the answer while the chain cannot be read: the books' side stands all the same. */
async function chainState({ tillViews }: AppDeps): Promise<TillState | undefined> {
  try {
    return await tillViews?.till()
  } catch (error) {
    if (error instanceof MoneyError) return undefined
    throw error
  }
}

function chainView({ totals, status, key, seqno }: TillState) {
  const { owed, pool, held, fees, orphans, surplus } = totals
  const amounts = { owed, pool, held, fees, orphans, surplus }
  return {
    seqno,
    ...Object.fromEntries(
      Object.entries(amounts).map(([name, amount]) => [name, amount.toString()]),
    ),
    accounts: status.accounts,
    payees: status.payees,
    frozen_until: status.frozenUntil,
    meter_key: hex(key.key),
    pending_meter_key:
      key.pending === null ? null : { key: hex(key.pending.key), from: key.pending.at },
  }
}

function reservesView(
  { at, count, root, sum, liabilities, totals }: ReservesSnapshot,
  chain: TillState | undefined,
) {
  const held = totals ?? chain?.totals
  return {
    at: Math.floor(at / 1000),
    accounts: count,
    root,
    sum: sum.toString(),
    liabilities: {
      accounts: liabilities.accounts.toString(),
      hosts: liabilities.hosts.toString(),
      losses: liabilities.losses.toString(),
    },
    /** As told by the gateway: whoever wants to know compares with the chain. */
    covered: held === undefined ? null : isCovered(liabilities, held),
  }
}
