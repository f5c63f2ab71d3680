import {
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core'
import type { FaultCode } from '../runners/tally.ts'
import { bytesColumn, millisColumn, nanoColumn, priceColumn, secondsColumn } from './columns.ts'
import type { AccountId, KeyId, RequestId, RunnerId, SessionId, TonAddress } from './ids.ts'

/**
 * Every table on one page. `migrations/` makes them, with the checks that hold the invariants (nothing negative,
 * one settlement per attempt, one row per chain event); a test keeps the two equal.
 */

// --- money of developers

export const accounts = sqliteTable('accounts', {
  /** Short name for rows on the hot path. */
  no: integer().primaryKey(),
  id: text().$type<AccountId>().notNull().unique(),
  mode: text({ enum: ['managed', 'sovereign'] }).notNull(),
  /** The Keys that the id commits to, as JSON: the Till asks for them with a cheque. */
  keys: text(),
  /** available + held = credited - paid_out - settled + debt. */
  available: nanoColumn().notNull(),
  held: nanoColumn().notNull(),
  credited: nanoColumn().notNull(),
  paid_out: nanoColumn().notNull(),
  settled: nanoColumn().notNull(),
  collected: nanoColumn().notNull(),
  /** Usage that an exit took out before it was charged: repaid by later credits. */
  debt: nanoColumn().notNull(),
  /** Cumulative debit in the latest charge that the meter key signed. */
  charged: nanoColumn().notNull(),
  cheque: nanoColumn().notNull(),
  cheque_signature: text(),
  cap_left: nanoColumn(),
  cap_daily: nanoColumn(),
  cap_resets: secondsColumn(),
  exit_at: secondsColumn(),
  /** Masterchain block of the newest observation. */
  seqno: integer().notNull(),
  created: millisColumn().notNull(),
  /** The operator's part that the cheque was signed with, in basis points; null: it came before this was kept. */
  cheque_fee_bps: integer(),
})

export const apiKeys = sqliteTable(
  'api_keys',
  {
    id: text().$type<KeyId>().primaryKey(),
    account: text().$type<AccountId>().notNull(),
    hash: text().notNull(),
    name: text().notNull(),
    masked: text().notNull(),
    sealed_only: integer({ mode: 'boolean' }).notNull(),
    expires: millisColumn(),
    revoked: millisColumn(),
    created: millisColumn().notNull(),
    role: text({ enum: ['admin', 'inference'] }).notNull(),
    /** What it may ask for, as JSON; money limits are in `key_budgets`. */
    rules: text().notNull(),
    /** Of the text before the latest rotation, valid until its time. */
    previous_hash: text(),
    previous_until: millisColumn(),
  },
  (t) => [
    uniqueIndex('api_keys_hash').on(t.hash),
    index('api_keys_account').on(t.account),
    uniqueIndex('api_keys_previous').on(t.previous_hash),
  ],
)

/** Keys that may spend so much only. Windows are UTC: `spent_day` counts since `day_start`, a number of days, and so on. */
export const keyBudgets = sqliteTable('key_budgets', {
  key: text().$type<KeyId>().primaryKey(),
  account: integer().notNull(),
  most_total: nanoColumn(),
  most_day: nanoColumn(),
  most_week: nanoColumn(),
  most_month: nanoColumn(),
  held: nanoColumn().notNull(),
  spent_total: nanoColumn().notNull(),
  spent_day: nanoColumn().notNull(),
  spent_week: nanoColumn().notNull(),
  spent_month: nanoColumn().notNull(),
  day_start: integer().notNull(),
  week_start: integer().notNull(),
  month_start: integer().notNull(),
})

/** What a runner offered and for how much, once per lease: holds and settlements point here. */
export const terms = sqliteTable('terms', {
  id: integer().primaryKey(),
  model: text().notNull(),
  runner: text().$type<RunnerId>().notNull(),
  session: text().$type<SessionId>().notNull(),
  payee: text().$type<TonAddress>().notNull(),
  price_input: priceColumn().notNull(),
  price_cached: priceColumn().notNull(),
  price_output: priceColumn().notNull(),
  commission_bps: integer().notNull(),
})

/** Open reservations, and ended ones as long as a late receipt may still come. */
export const holds = sqliteTable(
  'holds',
  {
    request: text().$type<RequestId>().notNull(),
    attempt: integer().notNull(),
    account: integer().notNull(),
    key: text().$type<KeyId>(),
    /** open | lapsed (deadline passed) | void (the attempt failed). */
    state: text({ enum: ['open', 'lapsed', 'void'] }).notNull(),
    amount: nanoColumn().notNull(),
    terms: integer().notNull(),
    deadline: secondsColumn().notNull(),
    created: millisColumn().notNull(),
  },
  (t) => [primaryKey({ columns: [t.request, t.attempt] })],
)

/** The journal of usage: each row moves `cost` from its account to clearing. Only ever appended to. */
export const settlements = sqliteTable('settlements', {
  id: integer().primaryKey(),
  request: text().$type<RequestId>().notNull(),
  attempt: integer().notNull(),
  account: integer().notNull(),
  key: text().$type<KeyId>(),
  terms: integer().notNull(),
  reserved: nanoColumn().notNull(),
  prompt_tokens: integer().notNull(),
  cached_tokens: integer().notNull(),
  completion_tokens: integer().notNull(),
  reasoning_tokens: integer().notNull(),
  stop: text({ enum: ['normal', 'length', 'aborted', 'error'] }).notNull(),
  cost: nanoColumn().notNull(),
  /** The host's share is the rest of the cost. */
  commission: nanoColumn().notNull(),
  /** The account's `settled` with this one: collected on chain once `collected` reaches it (H1). */
  cumulative: nanoColumn().notNull(),
  late: integer({ mode: 'boolean' }).notNull(),
  /** When the request was reserved. */
  created: millisColumn().notNull(),
  at: millisColumn().notNull(),
})

/**
 * The indexes of `settlements`, written in sorted runs about once a second: random keys inserted one by one would
 * dirty a page each in every commit.
 */
export const settlementAttempts = sqliteTable(
  'settlement_attempts',
  {
    request: text().$type<RequestId>().notNull(),
    attempt: integer().notNull(),
    settlement: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.request, t.attempt] })],
)

export const settlementAccounts = sqliteTable(
  'settlement_accounts',
  {
    account: integer().notNull(),
    cumulative: nanoColumn().notNull(),
    settlement: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.account, t.cumulative, t.settlement] })],
)

/** Settlements summed up by UTC day, key ('' stands for none) and model; written with their indexes. */
export const usageDays = sqliteTable(
  'usage_days',
  {
    account: integer().notNull(),
    day: integer().notNull(),
    key: text().notNull(),
    model: text().notNull(),
    requests: integer().notNull(),
    prompt_tokens: integer().notNull(),
    cached_tokens: integer().notNull(),
    completion_tokens: integer().notNull(),
    reasoning_tokens: integer().notNull(),
    cost: nanoColumn().notNull(),
  },
  (t) => [primaryKey({ columns: [t.account, t.day, t.key, t.model] })],
)

/** `indexed`: the newest settlement that the indexes know. */
export const marks = sqliteTable('marks', {
  name: text().primaryKey(),
  value: integer().notNull(),
})

export const receipts = sqliteTable('receipts', {
  settlement: integer().primaryKey(),
  /** The runner's signed receipt, as it came. */
  document: text().notNull(),
})

/**
 * All other movements: `amount` leaves `source` and enters `target`. The view `postings` shows both tables as double
 * entries.
 */
export const transfers = sqliteTable('transfers', {
  id: integer().primaryKey(),
  kind: text({
    enum: [
      'deposit',
      'share',
      'commission',
      'withdrawal',
      'shortfall',
      'recovery',
      'payout',
      'fees',
    ],
  }).notNull(),
  source: text().notNull(),
  target: text().notNull(),
  amount: nanoColumn().notNull(),
  at: millisColumn().notNull(),
})

// --- what is used once, and what is told

/** Wallets that may sign in to an account. In a wallet's own store: where it was linked. */
export const walletLinks = sqliteTable(
  'wallet_links',
  {
    account: text().$type<AccountId>().notNull(),
    wallet: text().$type<TonAddress>().notNull(),
    at: millisColumn().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.account, t.wallet] }),
    index('wallet_links_wallet').on(t.wallet, t.at),
  ],
)

/** Nonces of signed statements, for as long as the statement would be taken. */
export const usedNonces = sqliteTable(
  'used_nonces',
  {
    account: text().$type<AccountId>().notNull(),
    nonce: text().notNull(),
    expires: secondsColumn().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.account, t.nonce] }),
    index('used_nonces_expires').on(t.expires),
  ],
)

/** Idempotency keys: keyed hashes of the key and of the request, and whose receipt it is (H21). */
export const idempotency = sqliteTable(
  'idempotency',
  {
    account: text().$type<AccountId>().notNull(),
    name: text().notNull(),
    fingerprint: text().notNull(),
    request: text().$type<RequestId>().notNull(),
    expires: secondsColumn().notNull(),
  },
  (t) => [primaryKey({ columns: [t.account, t.name] }), index('idempotency_expires').on(t.expires)],
)

/** Where an account is told that its balance is low. */
export const webhooks = sqliteTable('webhooks', {
  account: text().$type<AccountId>().primaryKey(),
  url: text().notNull(),
  /** Names the secret, which is derived and not stored. */
  secret_id: text().notNull(),
  threshold: nanoColumn().notNull(),
  state: text({ enum: ['armed', 'due', 'told', 'failed'] }).notNull(),
  /** The event that waits or was delivered last, and the balance that it tells. */
  event: text(),
  available: nanoColumn(),
  since: millisColumn(),
  attempts: integer().notNull(),
  next_at: millisColumn().notNull(),
  created: millisColumn().notNull(),
})

// --- the host's side

export const hosts = sqliteTable('hosts', {
  payee: text().$type<TonAddress>().primaryKey(),
  earned: nanoColumn().notNull(),
  collected: nanoColumn().notNull(),
  vouchered: nanoColumn().notNull(),
  redeemed: nanoColumn().notNull(),
})

/** What the host's side must still be told, when it lives in another store. */
export const hostOutbox = sqliteTable('host_outbox', {
  id: integer().primaryKey(),
  key: text().notNull().unique(),
  payee: text().$type<TonAddress>().notNull(),
  earned: nanoColumn().notNull(),
  commission: nanoColumn().notNull(),
  collected: nanoColumn().notNull(),
  at: millisColumn().notNull(),
})

/** Outbox entries that the host's side has applied. */
export const hostInbox = sqliteTable('host_inbox', {
  key: text().primaryKey(),
})

/** Cumulative payment orders for hosts, stored before their signature leaves. */
export const vouchers = sqliteTable(
  'vouchers',
  {
    id: integer().primaryKey(),
    till: text().$type<TonAddress>().notNull(),
    payee: text().$type<TonAddress>().notNull(),
    cumulative: nanoColumn().notNull(),
    signature: text().notNull(),
    at: millisColumn().notNull(),
  },
  (t) => [uniqueIndex('vouchers_payee').on(t.till, t.payee, t.cumulative)],
)

/** Signed charge batches, stored before their signature leaves. */
export const charges = sqliteTable('charges', {
  id: integer().primaryKey(),
  till: text().$type<TonAddress>().notNull(),
  /** The signed cell as a bag of cells in base64: a host can submit it alone. */
  batch: text().notNull(),
  signature: text().notNull(),
  at: millisColumn().notNull(),
})

export const chargeItems = sqliteTable(
  'charge_items',
  {
    charge: integer().notNull(),
    account: text().$type<AccountId>().notNull(),
    cumulative: nanoColumn().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.charge, t.account] }),
    index('charge_items_account').on(t.account, t.cumulative),
  ],
)

// --- what the chain showed

/** How far a contract's transactions are known without a gap. */
export const chainCursors = sqliteTable('chain_cursors', {
  address: text().$type<TonAddress>().primaryKey(),
  lt: text().notNull(),
  hash: text().notNull(),
})

/** Walked transactions that do not connect to the cursor yet: a long outage is caught up in pieces. */
export const chainStaging = sqliteTable(
  'chain_staging',
  {
    address: text().$type<TonAddress>().notNull(),
    /** Logical time as 20 decimal digits, so that text sorts as numbers do. */
    lt: text().notNull(),
    hash: text().notNull(),
    prev_lt: text().notNull(),
    prev_hash: text().notNull(),
    boc: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.address, t.lt] })],
)

/** One row per transaction of the Till. */
export const chainEvents = sqliteTable(
  'chain_events',
  {
    address: text().$type<TonAddress>().notNull(),
    lt: text().notNull(),
    hash: text().notNull(),
    kind: text({
      enum: ['deposit', 'orphan', 'returned', 'unattributed', 'operation'],
    }).notNull(),
    account: text().$type<AccountId>(),
    sender: text().$type<TonAddress>(),
    value: nanoColumn().notNull(),
    /** Why it is not a deposit; null for deposits. */
    reason: text(),
    time: secondsColumn().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.address, t.lt] }),
    index('chain_events_account').on(t.account, t.lt),
    index('chain_events_kind').on(t.kind, t.lt),
  ],
)

/** Deposits that were seen and wait to be credited: what the watcher said last. */
export const chainWaiting = sqliteTable(
  'chain_waiting',
  {
    address: text().$type<TonAddress>().notNull(),
    lt: text().notNull(),
    hash: text().notNull(),
    account: text().$type<AccountId>().notNull(),
    value: nanoColumn().notNull(),
    time: secondsColumn().notNull(),
    waits_for: text({ enum: ['agreement', 'final_block', 'provider'] }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.address, t.lt] }),
    index('chain_waiting_account').on(t.account, t.lt),
  ],
)

// --- runners

export const runners = sqliteTable(
  'runners',
  {
    id: text().$type<RunnerId>().primaryKey(),
    payee: text().$type<TonAddress>().notNull(),
    /** Chip and GPU identities: one machine with one model is one runner (H7). */
    hardware: text().notNull(),
    model: text().notNull(),
    state: text({ enum: ['admitted', 'drained', 'denied'] }).notNull(),
    /** The latest accepted sequence of its registrations and heartbeats. */
    sequence: integer().notNull(),
    created: millisColumn().notNull(),
    seen: millisColumn().notNull(),
  },
  (t) => [uniqueIndex('runners_hardware').on(t.hardware, t.model)],
)

/** What the gateway itself saw of a runner: outlives leases and restarts. */
export const runnerScores = sqliteTable('runner_scores', {
  runner: text().$type<RunnerId>().primaryKey(),
  first_byte_ms: real().notNull(),
  tokens_per_second: real().notNull(),
  success: real().notNull(),
  failures: integer().notNull(),
  trips: integer().notNull(),
  open_until: millisColumn().notNull(),
  at: millisColumn().notNull(),
})

/** Of each hour, seconds in which the gateway looked and in which the runner could have served; dropped after a week. */
export const runnerHours = sqliteTable(
  'runner_hours',
  {
    runner: text().$type<RunnerId>().notNull(),
    /** Unix time in whole hours. */
    hour: integer().notNull(),
    watched: integer().notNull(),
    up: integer().notNull(),
    answered: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.runner, t.hour] })],
)

export const runnerFaults = sqliteTable(
  'runner_faults',
  {
    runner: text().$type<RunnerId>().notNull(),
    hour: integer().notNull(),
    code: text().$type<FaultCode>().notNull(),
    count: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.runner, t.hour, t.code] })],
)

export const leases = sqliteTable('leases', {
  runner: text().$type<RunnerId>().primaryKey(),
  session: text().$type<SessionId>().notNull(),
  keyset: text().notNull(),
  keyset_digest: text().notNull(),
  transport: text().notNull(),
  origin: text().notNull(),
  context_length: integer().notNull(),
  max_output_tokens: integer().notNull(),
  price_coefficient_bps: integer().notNull(),
  capacity: integer().notNull(),
  /** Exported by HPKE at registration; kept so that a restart keeps the lease. */
  allowance_key: bytesColumn().notNull(),
  expires: secondsColumn().notNull(),
  at: millisColumn().notNull(),
  /** JSON of what the runner said that its model does; null: it said nothing. */
  capabilities: text(),
})

/** Attested sessions: immutable documents named by their digest. */
export const sessions = sqliteTable(
  'sessions',
  {
    id: text().$type<SessionId>().primaryKey(),
    runner: text().$type<RunnerId>().notNull(),
    keyset_digest: text().notNull(),
    document: text().notNull(),
    evidence: text().notNull(),
    collateral: text().notNull(),
    at: millisColumn().notNull(),
    appraised: millisColumn().notNull(),
    /** Set when a later appraisal refused it, with the check's name. */
    cut: text(),
  },
  (t) => [index('sessions_keyset').on(t.keyset_digest, t.runner)],
)

// --- what is on sale

/** Offers that the operator changed while the gateway ran; they beat those of the configuration. */
export const models = sqliteTable('models', {
  id: text().primaryKey(),
  name: text().notNull(),
  /** nanoTON per million tokens, before any host's coefficient and the commission. */
  price_input: priceColumn().notNull(),
  price_cached: priceColumn().notNull(),
  price_output: priceColumn().notNull(),
  demonstration: integer({ mode: 'boolean' }).notNull(),
  withdrawn: integer({ mode: 'boolean' }).notNull(),
  created: secondsColumn().notNull(),
})

// --- exits, wallets of hosts

/** Owners' orders to leave: an account serves nothing while its row is here. */
export const exits = sqliteTable('exits', {
  account: text().$type<AccountId>().primaryKey(),
  till: text().$type<TonAddress>().notNull(),
  /** Null when the owner ordered on chain and only wants the meter key's word. */
  destination: text().$type<TonAddress>(),
  /** The account's nonce at the Till that the order names. */
  nonce: integer().notNull(),
  signature: text(),
  cancel_nonce: integer(),
  cancel_signature: text(),
  /** The final debit that the meter key signed: stored before it leaves. */
  fast_nonce: integer(),
  fast_debit: nanoColumn(),
  fast_signature: text(),
  at: millisColumn().notNull(),
})

/** Wallets whose owners showed that they control them (H2). */
export const payeeProofs = sqliteTable('payee_proofs', {
  payee: text().$type<TonAddress>().primaryKey(),
  at: millisColumn().notNull(),
})

/** Machines that want to be paid elsewhere, and since when. */
export const payeeChanges = sqliteTable('payee_changes', {
  runner: text().$type<RunnerId>().primaryKey(),
  payee: text().$type<TonAddress>().notNull(),
  since: millisColumn().notNull(),
})
