import type { UnixMs } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { AccountId, KeyId } from '../../db/ids.ts'
import type { Usage } from './requests.ts'

export type UsageColumn = 'day' | 'model' | 'key'

/** Settled usage of whole UTC days, summed up. */
export interface UsageReport {
  readonly op: 'usage_report'
  readonly account: AccountId
  /** Days since 1970-01-01, both included. */
  readonly from: number
  readonly to: number
  readonly by: readonly UsageColumn[]
  /** Only this key's. */
  readonly key: KeyId | null
}
export interface UsageRow extends Usage {
  /** Of the columns asked for; the others are null. */
  readonly day: number | null
  readonly model: string | null
  readonly key: KeyId | null
  readonly requests: number
  readonly cost: Nano
}
export type UsageReportResult = {
  readonly ok: true
  readonly rows: readonly UsageRow[]
  /** More rows than one report holds: ask for fewer days. */
  readonly cut: boolean
}

/** A movement of an account's money other than usage, newest first. */
export interface ListMovements {
  readonly op: 'list_movements'
  readonly account: AccountId
  /** Only those before this id; null starts at the newest. */
  readonly before: number | null
  readonly limit: number
}
export interface Movement {
  readonly id: number
  /** `recovery` repays what an exit took out before it was charged. */
  readonly kind: 'deposit' | 'withdrawal' | 'recovery'
  /** Positive into the account. */
  readonly amount: Nano
  readonly at: UnixMs
}
export type ListMovementsResult = { readonly ok: true; readonly movements: readonly Movement[] }
