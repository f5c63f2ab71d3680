import { parseNano } from '#base/nano.ts'

export const AMOUNTS = ['available', 'held', 'prepaid', 'clearing', 'hosts', 'fees'] as const

interface AuditReport extends Readonly<Record<(typeof AMOUNTS)[number], string>> {
  readonly accounts: number
  readonly sent: string
  readonly next: string | null
  readonly broken: readonly string[]
}

export interface Audited {
  readonly sums: Record<(typeof AMOUNTS)[number], bigint>
  sent: bigint
  accounts: number
  readonly broken: string[]
}

/** Adds up all pages. @returns the status of a refusal */
export async function auditAll(gateway: string, adminKey: string): Promise<Audited | number> {
  const sums = { available: 0n, held: 0n, prepaid: 0n, clearing: 0n, hosts: 0n, fees: 0n }
  const audited: Audited = { sums, sent: 0n, accounts: 0, broken: [] }
  for (let after: string | null = ''; after !== null; ) {
    const url = new URL('/admin/audit', gateway)
    if (after !== '') url.searchParams.set('after', after)
    const response = await fetch(url, { headers: { authorization: `Bearer ${adminKey}` } })
    if (!response.ok) return response.status
    // Sound: openapi.yaml says so; a missing member fails in parseNano below.
    const report = (await response.json()) as AuditReport
    for (const name of AMOUNTS) sums[name] += parseNano(report[name])
    audited.sent += BigInt(report.sent)
    audited.accounts += report.accounts
    audited.broken.push(...report.broken)
    after = report.next
  }
  return audited
}
