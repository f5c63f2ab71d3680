import { Hono } from 'hono'
import { tonAddress } from '../db/ids.ts'
import type { AppDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'

/** What stands on chain, and what hosts have earned. */
export function chainRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { ledger, latestVoucher } = deps.runners

  app.get('/v1/till', (context) => {
    const { till } = deps
    if (till === undefined) throw new ApiError('not_found', 'This gateway has no Till')
    return context.json({
      address: till.address,
      meter_key: till.meterKey,
      commission_bps: deps.commissionBps,
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
    })
  })
  return app
}

function readAddress(text: string) {
  try {
    return tonAddress(text)
  } catch {
    throw new ApiError('invalid_request', 'takes a raw TON address (0:<64 hex digits>)', {
      param: 'address',
    })
  }
}
