import { eq, gt, sql } from 'drizzle-orm'
import { type Clock, toSeconds, type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import { accountMode, DAY_SECONDS, type TillAccount, type TillTotals } from '#contracts'
import { columnMost } from '../db/columns.ts'
import type { Store } from '../db/db.ts'
import type { AccountId, TonAddress } from '../db/ids.ts'
import { accounts } from '../db/schema.ts'
import type { ChainEvent, Ledger, MirrorAccount } from '../ledger/port.ts'
import type { Chain, Head, WalkedTransaction } from './chain.ts'
import { type Reading, readDeposit } from './deposit.ts'
import { MoneyError } from './errors.ts'
import type { ReconcileReport } from './money-watch.ts'
import { createWaitingNotes } from './note-waiting.ts'
import { readTill } from './read-till.ts'
import { requirePresent } from './require-present.ts'
import { createRequireSameTill } from './require-same-till.ts'
import { rescan } from './rescan.ts'
import { readCursor, readStaged, walkToCursor } from './walk.ts'

/** Transactions applied in one step. */
const STEP = 50

export interface WatcherDeps {
  readonly till: TonAddress
  readonly chain: Chain
  /** Independent providers that must agree before anything is taken over for good (M11). */
  readonly witnesses: readonly Chain[]
  readonly limits: CreditLimits
  readonly ledger: Ledger
  /** Where the cursor is: the ledger's own store. */
  readonly store: Store
  /** Whether the Till, that holds so much, holds what the books owe. */
  readonly covers: (totals: TillTotals) => Promise<boolean>
  /** Told whether a witness showed the same account. */
  readonly noteAgreement?: (agree: boolean) => void
  readonly clock: Clock
}

/** How much one provider's word is good for: with witnesses nothing, all must say the same. */
export interface CreditLimits {
  /** Without witnesses, all credits together, less what exits took out again, stay below this. */
  readonly total: Nano
}

export interface WatchReport {
  /** Transactions taken over by this call, oldest first. */
  readonly events: readonly ChainEvent[]
  readonly credited: Nano
  /** Masterchain block up to which everything is known. */
  readonly seqno: number
}

export interface Watcher {
  /** Takes over everything new. Calls must not overlap. @throws MoneyError: nothing is lost, call again */
  tick(): Promise<WatchReport>
  /**
   * Reads the whole history and every account that ever had money again: finds lapsed exits, heals what a lying or lagging
   * provider hid, and compares the books with what the Till holds.
   * @throws MoneyError
   */
  reconcile(): Promise<ReconcileReport>
}

/**
 * Mirrors the Till. The scan only says what to read again: an account's own counters at a final block are the truth, and
 * taking them over twice changes nothing.
 *
 * 1. The provider shows the present.
 * 2. Every transaction since the cursor is found by the hash chain.
 * 3. Oldest first: the accounts they touched are read, and their credits, the rows and the cursor committed as one.
 */
export function createWatcher(deps: WatcherDeps): Watcher {
  const present = createPresence(deps)
  const mirror = createMirror(deps)
  const waiting = createWaitingNotes(deps)
  return {
    async tick() {
      const head = await present()
      const nothing = { events: [], credited: ZERO_NANO, seqno: head.seqno }
      if (head.last === null) return nothing
      if (!(await walkToCursor(deps, deps.till, head.last))) {
        await waiting.none()
        return nothing
      }
      // Read once a tick: a state at or above the head's block covers all of its transactions.
      const read = new Set<AccountId>()
      const events: ChainEvent[] = []
      let credited = ZERO_NANO
      for (;;) {
        const step = readStaged(deps.store, deps.till, { top: head.last, limit: STEP })
        if (step.length === 0) break
        const readings = step.map(({ id, transaction }) => readDeposit(id.hash, transaction))
        const applied = await applyStep(deps, mirror, { step, readings, head, read }).catch(
          async (error: unknown) => {
            const seen = readings.map(({ event }) => event)
            if (error instanceof MoneyError) await waiting.seen(seen, error)
            throw error
          },
        )
        events.push(...applied.events)
        credited = nano(credited + applied.credited)
      }
      await waiting.none()
      return { events, credited, seqno: head.seqno }
    },
    async reconcile() {
      const head = await present()
      const found = await rescan(deps, deps.till, head)
      const hidden = found.missing.map(({ id, transaction }) => readDeposit(id.hash, transaction))
      const events = hidden.map(({ event }) => event)
      await deps.ledger.commit([{ op: 'restore_events', address: deps.till, events }])
      const known = deps.store.db
        .select({ id: accounts.id })
        .from(accounts)
        .where(gt(accounts.credited, ZERO_NANO))
        .all()
      const all = new Set([...known.map(({ id }) => id), ...hidden.flatMap((one) => one.accounts)])
      for (const id of all) await deps.ledger.commit([await mirror(id, head)])
      const totals = await readTill(deps.chain, deps.till).totals()
      return {
        at: deps.clock(),
        transactions: found.transactions,
        missed: hidden.length,
        invented: found.invented,
        difference: nano(found.balance - found.computed),
        covered: await deps.covers(totals),
      }
    },
  }
}

type Mirror = (account: AccountId, head: Head) => Promise<MirrorAccount>

async function applyStep(
  { ledger, store, till }: WatcherDeps,
  mirror: Mirror,
  now: {
    readonly step: readonly WalkedTransaction[]
    readonly readings: readonly Reading[]
    readonly head: Head
    readonly read: Set<AccountId>
  },
): Promise<{ readonly events: readonly ChainEvent[]; readonly credited: Nano }> {
  const from = readCursor(store, till)
  const to = now.step.at(-1)?.id
  if (to === undefined) return { events: [], credited: ZERO_NANO }
  const touched = new Set(now.readings.flatMap((reading) => reading.accounts))
  const mirrors: MirrorAccount[] = []
  for (const account of touched) {
    if (!now.read.has(account)) mirrors.push(await mirror(account, now.head))
  }
  const events = now.readings.map(({ event }) => event)
  const advance = { op: 'advance_cursor', address: till, from, to, events } as const
  const [advanced, ...mirrored] = await ledger.commit([advance, ...mirrors])
  if (!advanced.ok) throw new MoneyError('regressed', 'another watcher moved the cursor')
  for (const account of touched) now.read.add(account)
  const credited = mirrored.reduce((sum, result) => sum + result.credited, 0n)
  return { events, credited: nano(credited) }
}

/** Says where the chain is, and refuses a provider that shows the past. */
function createPresence({ chain, till, clock, store }: WatcherDeps): () => Promise<Head> {
  const requireSameTill = createRequireSameTill(store, till)
  let newest = 0
  return async () => {
    requireSameTill()
    const head = await chain.head(till)
    if (head.seqno < newest) throw new MoneyError('regressed', `block ${head.seqno} is over`)
    requirePresent(head, toSeconds(clock()))
    const cursor = readCursor(store, till)
    if (cursor !== null && (head.last === null || head.last.lt < cursor.lt)) {
      throw new MoneyError('regressed', `the provider lacks transaction ${cursor.lt}`)
    }
    newest = head.seqno
    return head
  }
}

/** Reads accounts as operations for the ledger, judged by M11's rules. */
function createMirror(deps: WatcherDeps): Mirror {
  const { chain, witnesses, till, limits, store, clock, noteAgreement } = deps
  const reader = readTill(chain, till)
  const others = witnesses.map((witness) => readTill(witness, till))
  // Fixed at the Till's deployment.
  let dailyCap: Nano | undefined

  async function assertTrusted(account: AccountId, seen: TillAccount): Promise<void> {
    const before = countersOf(store, account)
    const grown = nano(seen.credit - before.credited)
    if (others.length === 0 && grown > ZERO_NANO && creditedInAll(store) + grown > limits.total) {
      throw new MoneyError('untrusted', `one provider alone credits more than ${limits.total}`)
    }
    // A debit that nobody collected would be vouchered to hosts out of other accounts' money (H1).
    const debited = seen.debit > before.collected || seen.paidOut > before.paid_out
    if (grown <= ZERO_NANO && !debited) return
    for (const other of others) {
      const { value } = await other.account(account)
      const agree = agrees(seen, mostOf(value))
      noteAgreement?.(agree)
      if (!agree) throw new MoneyError('untrusted', 'providers disagree')
    }
  }

  return async (account, head) => {
    const { value, seqno } = await reader.account(account)
    const seen = mostOf(value)
    if (seqno !== null && seqno < head.seqno) {
      throw new MoneyError('regressed', `an account was read at block ${seqno}`)
    }
    await assertTrusted(account, seen)
    const mode = accountMode(account)
    dailyCap ??= columnMost(await reader.dailyCap())
    const cap =
      mode === 'sovereign'
        ? null
        : { left: seen.capLeft, daily: dailyCap, resets: nextDay(head.syncedAt) }
    const { credit, debit, paidOut } = seen
    const exitAt = seen.exitAt === 0 ? null : unixSeconds(seen.exitAt)
    const op = 'mirror_account'
    const counters = { credit, debit, paidOut }
    return { op, account, mode, ...counters, exitAt, cap, seqno: seqno ?? head.seqno, at: clock() }
  }
}

/** Counters that outgrew their columns stand still: that account gets no more, and all others are read on. */
function mostOf(account: TillAccount): TillAccount {
  const { credit, debit, paidOut, capLeft } = account
  return {
    ...account,
    credit: columnMost(credit),
    debit: columnMost(debit),
    paidOut: columnMost(paidOut),
    capLeft: columnMost(capLeft),
  }
}

/** What was taken over of an account so far: with `max()` for good. */
function countersOf(store: Store, account: AccountId) {
  const { credited, collected, paid_out } = accounts
  const row = store.db
    .select({ credited, collected, paid_out })
    .from(accounts)
    .where(eq(accounts.id, account))
    .get()
  return row ?? { credited: ZERO_NANO, collected: ZERO_NANO, paid_out: ZERO_NANO }
}

/** What exits took out again is no credit any more: else anybody uses the limit up by paying in and leaving. */
function creditedInAll(store: Store): Nano {
  const sum = sql<string>`CAST(COALESCE(SUM(credited - paid_out + debt), 0) AS TEXT)`
  return nano(BigInt(store.db.select({ sum }).from(accounts).get()?.sum ?? '0'))
}

function agrees(a: TillAccount, b: TillAccount): boolean {
  return a.credit === b.credit && a.debit === b.debit && a.paidOut === b.paidOut
}

function nextDay(time: UnixSeconds): UnixSeconds {
  return unixSeconds((Math.floor(time / DAY_SECONDS) + 1) * DAY_SECONDS)
}
