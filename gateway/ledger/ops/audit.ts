import type { Nano } from '#base/nano.ts'

/** Re-derives every balance from the postings and open holds and reports each difference. */
export interface Audit {
  readonly op: 'audit'
}
export type AuditResult = { readonly ok: true } & AuditReport
export interface AuditReport {
  readonly accounts: number
  readonly available: Nano
  readonly held: Nano
  /** What is on its way to hosts: shares and commission not yet applied on the host's side. */
  readonly clearing: Nano
  readonly hosts: Nano
  readonly fees: Nano
  /** Empty when every invariant holds; each names the rule and the id. */
  readonly broken: readonly string[]
}
