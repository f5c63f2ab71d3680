const BPS = 10_000n

/** What is left for the host: the operator's commission is rounded up, so that shares never exceed what was collected. */
export function hostShare(cost: bigint, commissionBps: bigint): bigint {
  const commission = (cost * commissionBps + BPS - 1n) / BPS
  return cost - commission
}
