import type { Totals } from '#gateway/moving/stream.ts'
import { auditAll } from '../audit-all.ts'
import { type GatewayAccess, MovingRefused } from './gateway-api.ts'

export interface GatewayBooks {
  readonly totals: Totals
  readonly broken: readonly string[]
  /** Whether shares are still on their way from accounts to hosts: neither has them for good. */
  readonly isUnderWay: boolean
}

/** The books of a gateway by its own audit. @throws MovingRefused */
export async function gatewayTotals({ gateway, adminKey }: GatewayAccess): Promise<GatewayBooks> {
  const audited = await auditAll(gateway, adminKey)
  if (typeof audited === 'number') throw new MovingRefused(`the audit answered ${audited}`)
  const { sums, sent, accounts, broken } = audited
  return {
    broken,
    isUnderWay: sums.clearing !== 0n || sent !== 0n,
    totals: {
      accounts,
      available: sums.available.toString(),
      held: sums.held.toString(),
      hosts: sums.hosts.toString(),
      fees: sums.fees.toString(),
    },
  }
}
