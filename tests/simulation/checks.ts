import type { AccountId } from '#gateway/db/ids.ts'
import type { SqliteStore } from '#gateway/node/open-sqlite.ts'
import type { ChainModel } from './chain-model.ts'
import type { GatewayProcess } from './gateway-process.ts'
import type { Journal } from './journal.ts'
import { need } from './need.ts'
import { type Shadow, type ShadowAccount, ZERO_HOST } from './shadow.ts'

/** What of a simulation is compared. */
export interface Checked {
  readonly shadow: Shadow
  readonly journal: Journal
  readonly chain: ChainModel
  readonly process: GatewayProcess
  run(work: () => Promise<void>): Promise<void>
}

const COLUMNS = [
  'available',
  'held',
  'credited',
  'paid_out',
  'settled',
  'collected',
  'debt',
  'cheque',
  'charged',
] as const

type Statement = ReturnType<SqliteStore['prepare']>
interface Statements {
  readonly account: Statement
  readonly hosts: Statement
  readonly openHolds: Statement
  readonly settled: Statement
}

const prepared = new WeakMap<SqliteStore, Statements>()

function statementsOf(store: SqliteStore): Statements {
  const known = prepared.get(store)
  if (known !== undefined) return known
  const made = {
    account: store.prepare(`SELECT ${COLUMNS.join(', ')} FROM accounts WHERE id = ?`),
    hosts: store.prepare('SELECT payee, earned, collected, vouchered, redeemed FROM hosts'),
    openHolds: store.prepare(
      "SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM holds WHERE state = 'open'",
    ),
    settled: store.prepare('SELECT COUNT(*), COALESCE(SUM(cost), 0) FROM settlements'),
  }
  prepared.set(store, made)
  return made
}

/** What must hold after every step: what the step touched, and what the chain holds. */
export function assertBooks(simulation: Checked, scope: 'touched' | 'all' = 'touched'): void {
  const { shadow } = simulation
  const statements = statementsOf(simulation.process.raw)
  simulation.journal.follow(simulation.process.raw)
  const ids = scope === 'all' ? [...shadow.accounts.keys()] : [...shadow.dirty]
  for (const id of ids) assertAccount(simulation, statements, id)
  if (ids.length > 0) assertHosts(simulation, statements)
  shadow.dirty.clear()
  assertDoubleEntry(simulation)
  assertChain(simulation)
  if (scope === 'all') assertTotals(simulation, statements)
}

function assertAccount({ shadow, journal }: Checked, { account }: Statements, id: AccountId): void {
  const row = account.get(id)
  const passed = shadow.passed.get(id) ?? 0n
  const expected = columnsOf(shadow.account(id), shadow.available(shadow.account(id)))
  need(shadow.account(id).credited >= passed, `${id} misses a deposit that the cursor has passed`)
  expected.forEach((value, i) => {
    need(value >= 0n, `${id}: ${COLUMNS[i]} would be ${value}`)
    need(BigInt(row?.[i] ?? -1) === value, `${id}: ${COLUMNS[i]} is ${row?.[i]}, not ${value}`)
  })
  const [available = 0n, held = 0n] = expected
  const posted = journal.sum(`acct:${id}`)
  need(posted === available + held, `${id} has ${available} + ${held}, and postings of ${posted}`)
}

/** What every account of the ledger but the developers' must come to at any time. */
function assertDoubleEntry({ shadow, journal }: Checked): void {
  const clearing = journal.sum('clearing')
  need(clearing === 0n, `${clearing} are on their way to hosts of the same store`)
  let debts = 0n
  for (const { debt } of shadow.accounts.values()) debts += debt
  need(journal.sum('losses') === -debts, `debts of ${debts}, and losses ${journal.sum('losses')}`)
  need(journal.sum('fees') === shadow.commission, `fees of ${journal.sum('fees')} are posted`)
}

function columnsOf(account: ShadowAccount, available: bigint): readonly bigint[] {
  const { held, credited, paidOut, settled, collected, debt, cheque, charged } = account
  return [available, held, credited, paidOut, settled, collected, debt, cheque, charged]
}

function assertHosts({ shadow, journal }: Checked, { hosts }: Statements): void {
  for (const [payee, ...numbers] of hosts.all()) {
    const host = shadow.hosts.get(String(payee)) ?? ZERO_HOST
    const { earned, collected, vouchered, redeemed } = host
    const expected = [earned, collected, vouchered, redeemed]
    expected.forEach((value, i) => {
      need(BigInt(numbers[i] ?? -1) === value, `${payee}: ${numbers[i]} is not ${value}`)
    })
    need(redeemed <= vouchered && vouchered <= collected, `${payee} was paid before it was owed`)
    need(collected <= earned, `${payee} collected more than it earned`)
    const posted = journal.sum(`host:${payee}`)
    need(posted === earned - redeemed, `${payee} has postings of ${posted}`)
  }
}

/** The contract's own promises, and that nobody took more than the books gave. */
function assertChain({ chain, shadow }: Checked): void {
  need(chain.surplus >= 0n, 'the Till owes more than it holds')
  for (const [payee, paid] of chain.till.payees) {
    const host = shadow.hosts.get(payee) ?? ZERO_HOST
    need(paid <= host.vouchered, `${payee} took more than its vouchers say`)
  }
  for (const [id, { credit, debit, paidOut }] of chain.till.accounts) {
    need(debit + paidOut <= credit, `${id} lost more than it had`)
    const { settled = 0n, cheque = 0n } = shadow.accounts.get(id) ?? {}
    // An owner that leaves pays what it signed, also ahead of its use; a managed account has no cheque.
    need(debit <= settled || debit <= cheque, `${id} was debited more than it used`)
  }
}

function assertTotals({ shadow }: Checked, { openHolds, settled }: Statements): void {
  const [holds, held] = openHolds.get() ?? []
  need(holds === shadow.openHolds.size, `${holds} holds are open, not ${shadow.openHolds.size}`)
  let sum = 0n
  for (const { held } of shadow.accounts.values()) sum += held
  need(BigInt(held ?? -1) === sum, `${held} is held, not ${sum}`)
  const [count, cost] = settled.get() ?? []
  need(count === shadow.settlements, `${count} settlements, not ${shadow.settlements}`)
  let costs = 0n
  for (const { settled } of shadow.accounts.values()) costs += settled
  need(BigInt(cost ?? -1) === costs, `settlements cost ${cost}, not ${costs}`)
}

/** Everything at once: the ledger's own audit, and each attempt and key against what was answered. */
export async function assertEverything(simulation: Checked): Promise<void> {
  const { shadow, process } = simulation
  assertBooks(simulation, 'all')
  await simulation.run(async () => {
    const [audit] = await process.ledger.commit([{ op: 'audit' }])
    need(audit.broken.length === 0, `audit: ${audit.broken[0]}`)
  })
  if (process.life.isDead) return
  assertAttempts(simulation)
  for (const [key, held, spent] of process.raw
    .prepare('SELECT key, held, spent_total FROM key_budgets')
    .all()) {
    // Sound: the column holds ids of keys.
    const known = shadow.keys.get(key as never)
    let sum = 0n
    for (const cost of known?.spent.values() ?? []) sum += cost
    need(BigInt(held ?? -1) === known?.held, `${key} holds ${held}, not ${known?.held}`)
    need(BigInt(spent ?? -1) === sum, `${key} spent ${spent}, not ${sum}`)
  }
}

function assertAttempts({ shadow, process }: Checked): void {
  const rows = process.raw.prepare('SELECT request, attempt, cost FROM settlements').all()
  for (const [request, attempt, cost] of rows) {
    const hold = shadow.holds.get(`${request}.${attempt}`)
    need(hold?.state === 'settled', `${request}.${attempt} is settled and should be ${hold?.state}`)
    need(BigInt(cost ?? -1) === hold.cost, `${request}.${attempt} costs ${cost}, not ${hold.cost}`)
  }
}

/** When nothing is under way any more: books, chain and hosts say the same, and nobody waits for money. */
export function assertAtRest({ chain, shadow }: Checked): void {
  for (const [id, { credit, debit, paidOut }] of chain.till.accounts) {
    const account = shadow.account(id)
    need(account.credited === credit, `${id} has ${account.credited} of ${credit}`)
    need(account.paidOut === paidOut, `${id} left with ${paidOut}, not ${account.paidOut}`)
    need(account.collected === debit, `${id}: ${account.collected} of ${debit} is collected`)
    need(account.held === 0n, `${id} holds ${account.held} for nobody`)
    // What an exit took out before it was charged is lost to the operator; a cheque beyond the use waits for more use.
    const owed = account.settled - debit
    const waits = owed <= account.debt || account.cheque > account.settled
    need(waits, `${id} used ${owed} that nobody collects`)
  }
  for (const [payee, { collected, vouchered, redeemed }] of shadow.hosts) {
    const paid = chain.till.payees.get(payee) ?? 0n
    need(vouchered === collected, `${payee} has no voucher for ${collected - vouchered}`)
    need(paid === collected, `${payee} got ${paid} of ${collected}`)
    need(redeemed === paid, `${payee} got ${paid}, and the books say ${redeemed}`)
  }
}
