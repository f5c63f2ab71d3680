import type { TonAddress } from '../db/ids.ts'
import type { ChainEvent, Ledger, WaitingDeposit, WaitsFor } from '../ledger/port.ts'
import type { MoneyError, MoneyErrorCode } from './errors.ts'

/** What has to happen before money that was seen is credited, by why it was not. */
const WAITS_FOR: Readonly<Record<MoneyErrorCode, WaitsFor>> = {
  untrusted: 'agreement',
  stale: 'final_block',
  regressed: 'final_block',
  gap: 'provider',
  fork: 'provider',
  unavailable: 'provider',
  rate_limited: 'provider',
  bad_answer: 'provider',
  refused: 'provider',
}

export interface WaitingNotes {
  /** These were seen and could not be taken over. */
  seen(events: readonly ChainEvent[], error: MoneyError): Promise<void>
  /** Everything that was seen is taken over. */
  none(): Promise<void>
}

/** Tells owners of money on its way that it was seen, and what it waits for; the same is written once. */
export function createWaitingNotes({
  ledger,
  till,
}: {
  readonly ledger: Ledger
  readonly till: TonAddress
}): WaitingNotes {
  let last: string | undefined
  const note = async (waitsFor: WaitsFor, deposits: readonly WaitingDeposit[]): Promise<void> => {
    const said = deposits.map(({ hash }) => `${hash} ${waitsFor}`).join()
    if (said === last) return
    await ledger.commit([{ op: 'note_waiting', address: till, waitsFor, deposits }])
    last = said
  }
  return {
    seen: (events, { code }) => note(WAITS_FOR[code], events.flatMap(waitingOf)),
    none: () => note('provider', []),
  }
}

function waitingOf({ kind, account, lt, hash, value, time }: ChainEvent): WaitingDeposit[] {
  return kind === 'deposit' && account !== null ? [{ lt, hash, account, value, time }] : []
}
