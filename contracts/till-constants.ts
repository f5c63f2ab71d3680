import { nano } from '#base/nano.ts'

/** The Till's limits, fees and exit codes, as in till/constants.tolk (a test compares them). */

export const DAY_SECONDS = 86_400

/** Taken from every deposit; more when an attacker made the account's path deeper than it pays for. */
export const DEPOSIT_FEE = nano(20_000_000n)
/** Taken once from the deposit that opens an account. */
export const OPENING_FEE = nano(50_000_000n)
/** Taken once per payee, from the value of the message that redeems. */
export const PAYEE_FEE = nano(20_000_000n)
export const MIN_DEPOSIT = nano(100_000_000n)
export const STORAGE_RESERVE = nano(500_000_000n)

export const MAX_ACCOUNTS = 12_000
export const MAX_PAYEES = 2_000
export const MAX_BATCH = 20

export const EXIT_LAPSE_SECONDS = 7 * DAY_SECONDS
export const FREEZE_SECONDS = 3 * DAY_SECONDS
export const FREEZE_GAP_SECONDS = DAY_SECONDS

/** Exit codes of the compute phase. */
export const TILL_EXIT = {
  BadMemo: 100,
  TooSmall: 101,
  BadSignature: 102,
  WrongTill: 103,
  NoAccount: 104,
  NotOwner: 105,
  StaleNonce: 106,
  TooEarly: 107,
  NothingDue: 108,
  WrongMode: 109,
  NotAdmin: 110,
  BadKey: 111,
  BatchTooLarge: 112,
  FeeTooHigh: 113,
  Frozen: 114,
  AccountsFull: 115,
  PayeesFull: 116,
  NoReserve: 117,
  NoExit: 118,
  BadWorkchain: 119,
  NotCollected: 120,
  FreezeTooSoon: 121,
  NoRotation: 122,
  BadOp: 0xffff,
} as const

/**
 * NanoTON to attach to each operation: enough at the worst path that can be ground; the rest comes back. A test
 * holds that each succeeds with exactly this.
 */
export const TILL_VALUE = {
  charge: (accounts: number) => nano(40_000_000n + 20_000_000n * BigInt(accounts)),
  cheque: nano(60_000_000n),
  redeem: nano(80_000_000n),
  exitRequest: nano(60_000_000n),
  exitFinish: nano(60_000_000n),
  exitFast: nano(100_000_000n),
  exitCancel: nano(60_000_000n),
  operator: nano(50_000_000n),
} as const
