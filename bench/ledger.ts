import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type UnixMs, unixMs, unixSeconds } from '#base/brand.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import {
  type AccountId,
  accountId,
  requestId,
  runnerId,
  sessionId,
  tonAddress,
} from '#gateway/db/ids.ts'
import { migrate } from '#gateway/db/migrate.ts'
import { createCore } from '#gateway/ledger/core.ts'
import { groupCommit } from '#gateway/ledger/group-commit.ts'
import type { Ledger, Reserve, Settle, Terms } from '#gateway/ledger/port.ts'
import { openSqlite } from '#gateway/node/open-sqlite.ts'
import { readMigrations } from '#gateway/node.ts'

const MIGRATIONS = join(import.meta.dirname, '..', 'migrations')
const ACCOUNTS = 1_000
const WARM_UP_PAIRS = 2_000
const TIMER_MS = 1_000
const AT = unixMs(1_700_000_000_000)
const RUNNER = runnerId('run_bench')
const PAYEE = tonAddress(`0:${'ab'.repeat(32)}`)
const TERMS: Terms = {
  model: 'cocoon/demo',
  runner: RUNNER,
  session: sessionId('sha256:bench'),
  payee: PAYEE,
  price: {
    input: nanoPerMillion(200_000_000n),
    cached: nanoPerMillion(50_000_000n),
    output: nanoPerMillion(800_000_000n),
  },
  commissionBps: 500,
}
/** About what a signed receipt takes. */
const RECEIPT_CHARS = 1_400

export interface LedgerRow {
  /** Pairs in one transaction: twice as many requests are in flight, half of them reserving, half settling. */
  readonly batch: number
  /** Reserve + settle pairs, each durable, per second. */
  readonly pairsPerSecond: number
  /** CPU of this process per pair. */
  readonly cpuMicros: number
}

export interface LedgerBench {
  readonly batches: readonly number[]
  readonly pairs: number
  /** Length of the receipt that is stored with each settlement; 0 shows the ledger alone. */
  readonly receiptChars?: number
}

/** Books that are written durably, new and empty. */
export interface BenchedBooks {
  readonly ledger: Ledger
  /** What their gateway does now and then beside requests. */
  checkpoint(): void
  close(): Promise<void>
}

/** Measures reserve + settle at `synchronous=FULL` through the group commit, for each batch size. */
export async function benchLedger(options: LedgerBench): Promise<LedgerRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-ledger-'))
  try {
    return await benchBooks(options, async (batch) => openFile(join(folder, `${batch}.db`)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function openFile(path: string): BenchedBooks {
  const store = openSqlite(path)
  migrate(store, readMigrations(MIGRATIONS))
  const ledger = groupCommit(createCore(store, { hosts: 'here' }), setImmediate)
  return { ledger, checkpoint: () => store.checkpoint(), close: async () => store.close() }
}

/** Measures the same on any books. */
export async function benchBooks(
  options: LedgerBench,
  open: (batch: number) => Promise<BenchedBooks>,
): Promise<LedgerRow[]> {
  const receipt = 'x'.repeat(options.receiptChars ?? RECEIPT_CHARS)
  const warmUp = Math.min(WARM_UP_PAIRS, options.pairs)
  const rows: LedgerRow[] = []
  for (const batch of options.batches) {
    const { ledger, checkpoint, close } = await open(batch)
    const accounts = await fund(ledger)
    await drive(ledger, accounts, { batch, receipt, pairs: warmUp, from: 0 })
    const timer = setInterval(() => {
      checkpoint()
      void ledger.commit([{ op: 'maintain', now: unixSeconds(1_700_000_000) }])
    }, TIMER_MS)
    rows.push(await measure(ledger, accounts, { batch, receipt, pairs: options.pairs }))
    clearInterval(timer)
    const [audit] = await ledger.commit([{ op: 'audit' }])
    if (audit.broken.length > 0) throw new Error(`audit: ${audit.broken.join('; ')}`)
    await close()
  }
  return rows
}

export async function fund(ledger: Ledger): Promise<AccountId[]> {
  const accounts = Array.from({ length: ACCOUNTS }, (_, i) =>
    accountId(i.toString().padStart(32, '0')),
  )
  await ledger.commit(
    accounts.map((account) => ({
      op: 'mirror_account' as const,
      account,
      mode: 'managed' as const,
      credit: nano(1_000_000_000_000n),
      debit: nano(0n),
      paidOut: nano(0n),
      exitAt: null,
      cap: null,
      seqno: 1,
      at: AT,
    })),
  )
  return accounts
}

export interface Load {
  readonly batch: number
  readonly pairs: number
  readonly receipt: string
}

async function measure(
  ledger: Ledger,
  accounts: readonly AccountId[],
  load: Load,
): Promise<LedgerRow> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await drive(ledger, accounts, { ...load, from: WARM_UP_PAIRS })
  const { batch, pairs } = load
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { batch, pairsPerSecond: pairs / seconds, cpuMicros: (user + system) / pairs }
}

/** Keeps 2 x `batch` requests in flight: any one transaction reserves for half of them and settles the others. */
export async function drive(
  ledger: Ledger,
  accounts: readonly AccountId[],
  { batch, receipt, pairs, from }: Load & { readonly from: number },
): Promise<void> {
  let next = from
  const lane = async (late: boolean): Promise<void> => {
    // Half of the lanes start a transaction later, so that every transaction holds both kinds.
    if (late) await ledger.commit([])
    while (next < from + pairs) {
      const number = next++
      const account = accounts[number % accounts.length]
      if (account === undefined) throw new Error('no accounts')
      const [reserved] = await ledger.commit([reserve(account, number)])
      if (!reserved.ok) throw new Error(`reserve: ${reserved.code}`)
      const [settled] = await ledger.commit([settle(account, number, receipt)])
      if (!settled.ok) throw new Error(`settle: ${settled.code}`)
    }
  }
  await Promise.all(Array.from({ length: 2 * batch }, (_, i) => lane(i % 2 === 1)))
}

/** Spread over the index as random ids are. */
function requestOf(number: number): Reserve['request'] {
  const high = Math.imul(number, 0x9e3779b1) >>> 0
  return requestId(
    `req_${high.toString(16).padStart(8, '0')}${number.toString(16).padStart(24, '0')}`,
  )
}

function reserve(account: AccountId, number: number): Reserve {
  return {
    op: 'reserve',
    account,
    request: requestOf(number),
    attempt: 1,
    key: null,
    amount: nano(5_000_000n),
    terms: TERMS,
    deadline: unixSeconds(1_700_021_600),
    at: AT,
  }
}

function settle(account: AccountId, number: number, receipt: string): Settle {
  const at: UnixMs = AT
  return {
    op: 'settle',
    account,
    request: requestOf(number),
    attempt: 1,
    runner: RUNNER,
    payee: PAYEE,
    usage: { prompt_tokens: 812, cached_tokens: 256, completion_tokens: 211, reasoning_tokens: 0 },
    stop: 'normal',
    at,
    receipt,
  }
}
