import type { Nano } from '#base/nano.ts'

/** Re-derives every balance from the postings and open holds and reports each difference. */
export interface Audit {
  readonly op: 'audit'
  /** Where the page before ended; absent: the first. One store has one page. */
  readonly after?: string
}
export type AuditResult = { readonly ok: true } & AuditReport
export interface AuditReport {
  readonly accounts: number
  readonly available: Nano
  readonly held: Nano
  /** Of both together, what the Till debited beyond the books: a cheque ahead of its use. It is no account's any more. */
  readonly prepaid: Nano
  /** What is on its way to hosts: shares and commission not yet applied on the host's side. */
  readonly clearing: Nano
  readonly hosts: Nano
  readonly fees: Nano
  /**
   * Across stores: shares that were acknowledged less those received. Never above zero over all pages, or one was lost;
   * below it while acknowledgements are under way.
   */
  readonly sent: Nano
  /** What the next page goes on `after`; null at the end. Everything else is of this page alone. */
  readonly next: string | null
  /** Empty when every invariant holds; each names the rule and the id. */
  readonly broken: readonly string[]
}
