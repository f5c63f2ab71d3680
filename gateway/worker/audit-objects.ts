import { type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import type { AuditReport, AuditResult } from '../ledger/port.ts'
import { listLedgers } from './list-ledgers.ts'
import type { Objects } from './objects.ts'

/** Objects of one page: below what one invocation may call. */
const PAGE = 200

const AMOUNTS = ['available', 'held', 'prepaid', 'clearing', 'hosts', 'fees', 'sent'] as const

/**
 * Audits a page of all ledgers, accounts first and hosts last: a share that is acknowledged meanwhile was received before,
 * so that none seems lost that is not.
 */
export async function auditObjects(objects: Objects, after = ''): Promise<AuditResult> {
  const page = await listLedgers(objects, after, PAGE)
  const reports = await Promise.all(page.names.map((name) => auditOne(objects, name)))
  const sum = (amount: (typeof AMOUNTS)[number]): Nano =>
    nano(reports.reduce((total, report) => total + report[amount], ZERO_NANO as bigint))
  return {
    ok: true,
    accounts: reports.reduce((total, { accounts }) => total + accounts, 0),
    available: sum('available'),
    held: sum('held'),
    prepaid: sum('prepaid'),
    clearing: sum('clearing'),
    hosts: sum('hosts'),
    fees: sum('fees'),
    sent: sum('sent'),
    broken: reports.flatMap(({ broken }) => broken),
    next: page.next,
  }
}

async function auditOne(objects: Objects, name: string): Promise<AuditReport> {
  // Sound: an audit answers with its report.
  const [report] = (await objects.ledger(name).commit([{ op: 'audit' }])) as [AuditResult]
  return report
}
