import type { UnixMs } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { Log } from '../log.ts'

/** What the last nightly look at the whole history found. */
export interface ReconcileReport {
  readonly at: UnixMs
  readonly transactions: number
  /** Found on chain and not in the books; taken over since. */
  readonly missed: number
  /** In the books and not on chain. */
  readonly invented: number
  /** The Till's balance less what its history adds up to: zero. */
  readonly difference: Nano
  /** Whether the Till holds what the books owe. */
  readonly covered: boolean
}

/** What the money jobs see, for the operator. */
export interface MoneyStatus {
  /** Of the gas wallet; null before the first look, or when there is none. */
  readonly gas: { readonly address: string; readonly balance: Nano; readonly low: boolean } | null
  /** What the last round of the cashier came to; null before the first. */
  readonly cashier: { readonly at: UnixMs; readonly sent: string; readonly commands: number } | null
  /** A new meter key is announced: hosts are paid at once (H5). */
  readonly rotationAt: number | null
  readonly reconcile: ReconcileReport | null
  /** Up to which block the Till was read, and when; and why it last could not be. Null before the first look. */
  readonly watch: {
    readonly seqno: number | null
    readonly at: UnixMs | null
    readonly failed: { readonly code: string; readonly at: UnixMs } | null
  } | null
  /** Whether providers showed the same when they were last compared; null when they never were. */
  readonly agreement: { readonly agree: boolean; readonly at: UnixMs } | null
}

export interface MoneyWatch {
  status(): MoneyStatus
  gas(wallet: { readonly address: string; readonly balance: Nano; readonly low: boolean }): void
  cashier(round: NonNullable<MoneyStatus['cashier']>): void
  rotation(at: number | null): void
  reconciled(report: ReconcileReport): void
  watched(look: { readonly seqno: number; readonly at: UnixMs }): void
  watchFailed(failed: { readonly code: string; readonly at: UnixMs }): void
  agreed(agreement: NonNullable<MoneyStatus['agreement']>): void
}

/** Whether history, books and Till say the same. */
export function isSound({ missed, invented, difference, covered }: ReconcileReport): boolean {
  return missed === 0 && invented === 0 && difference === 0n && covered
}

/** Keeps the latest of each, and says once what turns bad. */
export function createMoneyWatch(log: Log): MoneyWatch {
  let status: MoneyStatus = {
    ...{ gas: null, cashier: null, rotationAt: null },
    ...{ reconcile: null, watch: null, agreement: null },
  }
  return {
    status: () => status,
    gas(gas) {
      if (gas.low && status.gas?.low !== true)
        log('error', 'gas wallet is low', { code: 'gas_low' })
      if (!gas.low && status.gas?.low === true)
        log('info', 'gas wallet is filled', { code: 'gas_ok' })
      status = { ...status, gas }
    },
    cashier(cashier) {
      if (cashier.sent === 'not_honoured' && status.cashier?.sent !== 'not_honoured') {
        log('error', 'the Till does not honour the meter key', { code: 'not_honoured' })
      }
      status = { ...status, cashier }
    },
    rotation(rotationAt) {
      if (rotationAt !== null && status.rotationAt === null) {
        log('warn', 'a new meter key is announced', { code: 'rotation_pending' })
      }
      status = { ...status, rotationAt }
    },
    reconciled(reconcile) {
      const sound = isSound(reconcile)
      const code = sound ? 'reconciled' : 'reserves_differ'
      log(sound ? 'info' : 'error', 'history compared', { code, count: reconcile.transactions })
      status = { ...status, reconcile }
    },
    watched(look) {
      status = { ...status, watch: { ...look, failed: status.watch?.failed ?? null } }
    },
    watchFailed(failed) {
      const { seqno, at } = status.watch ?? { seqno: null, at: null }
      status = { ...status, watch: { seqno, at, failed } }
    },
    agreed(agreement) {
      status = { ...status, agreement }
    },
  }
}
