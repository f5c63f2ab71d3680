import type { Totals } from '#gateway/moving/stream.ts'
import { auditAll } from '../audit-all.ts'
import { type GatewayAccess, MovingRefused } from './gateway-api.ts'

/** The books of a gateway by its own audit. @throws MovingRefused */
export async function gatewayTotals({
  gateway,
  adminKey,
}: GatewayAccess): Promise<{ totals: Totals; broken: readonly string[] }> {
  const audited = await auditAll(gateway, adminKey)
  if (typeof audited === 'number') throw new MovingRefused(`the audit answered ${audited}`)
  const { sums, accounts, broken } = audited
  return {
    broken,
    totals: {
      accounts,
      available: sums.available.toString(),
      held: sums.held.toString(),
      hosts: sums.hosts.toString(),
      fees: sums.fees.toString(),
    },
  }
}
