import type { UnixMs } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { TonAddress } from '../../db/ids.ts'
import type { HostEntry } from '../host-side.ts'

export interface ReadHost {
  readonly op: 'read_host'
  readonly payee: TonAddress
}
export interface HostState {
  readonly payee: TonAddress
  /** Shares of all settlements. */
  readonly earned: Nano
  /** The part of it whose debits the Till has collected: vouchers cover no more (H1). */
  readonly collected: Nano
  /** The latest voucher's cumulative amount. */
  readonly vouchered: Nano
  /** What the Till has paid out to the payee. */
  readonly redeemed: Nano
}
export type ReadHostResult = { readonly ok: true; readonly host: HostState }

/** The Till's `payee_paid` at a final block; cumulative. */
export interface MirrorHost {
  readonly op: 'mirror_host'
  readonly payee: TonAddress
  readonly redeemed: Nano
  readonly at: UnixMs
}
export type MirrorHostResult = { readonly ok: true; readonly redeemed: Nano }

/** A host's entries that wait in an account's store. */
export interface ReadOutbox {
  readonly op: 'read_outbox'
  readonly limit: number
}
export type ReadOutboxResult = { readonly ok: true; readonly entries: readonly HostEntry[] }

/** Applies entries to the host's store, each once however often it comes. */
export interface ApplyOutbox {
  readonly op: 'apply_outbox'
  readonly entries: readonly HostEntry[]
}
export type ApplyOutboxResult = { readonly ok: true; readonly applied: number }

/** Forgets entries that the host's store has applied, and clears them here. */
export interface AckOutbox {
  readonly op: 'ack_outbox'
  readonly keys: readonly string[]
}
