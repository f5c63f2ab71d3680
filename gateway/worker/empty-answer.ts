import { ZERO_NANO } from '#base/nano.ts'
import type { Op, OpName, OpOf, Result, ResultOf } from '../ledger/port.ts'

type Answers = { readonly [Name in OpName]?: (op: OpOf<Name>) => ResultOf<OpOf<Name>> }

/** What a ledger answers that nobody ever wrote to. */
const ANSWERS: Answers = {
  read_account: () => ({ ok: false, code: 'unknown_account' }),
  find_key: () => ({ ok: false, code: 'unknown_key' }),
  list_keys: () => ({ ok: true, keys: [] }),
  read_exit: () => ({ ok: true, exit: null }),
  list_wallets: () => ({ ok: true, wallets: [] }),
  unlink_wallet: () => ({ ok: false, code: 'unknown_wallet' }),
  find_wallet: () => ({ ok: true, links: [] }),
  find_settlement: () => ({ ok: false, code: 'unknown_attempt' }),
  list_settlements: () => ({ ok: true, settlements: [] }),
  settle: () => ({ ok: false, code: 'unknown_attempt' }),
  audit: () => ({
    ok: true,
    accounts: 0,
    available: ZERO_NANO,
    held: ZERO_NANO,
    clearing: ZERO_NANO,
    hosts: ZERO_NANO,
    fees: ZERO_NANO,
    sent: ZERO_NANO,
    prepaid: ZERO_NANO,
    next: null,
    broken: [],
  }),
  release: () => ({ ok: false, code: 'unknown_attempt' }),
  read_host: ({ payee }) => ({
    ok: true,
    host: {
      payee,
      earned: ZERO_NANO,
      collected: ZERO_NANO,
      vouchered: ZERO_NANO,
      redeemed: ZERO_NANO,
    },
  }),
}

/** @returns undefined for an operation that writes */
export function emptyAnswer(op: Op): Result | undefined {
  // Sound: the table pairs each name with the function of that operation.
  const answer = ANSWERS[op.op] as ((op: Op) => Result) | undefined
  return answer?.(op)
}
