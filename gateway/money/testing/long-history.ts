import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Address,
  beginCell,
  comment,
  loadTransaction,
  storeTransaction,
  type Transaction,
  type TupleItem,
  TupleReader,
} from '@ton/core'
import { unixSeconds } from '#base/brand.ts'
import { type Nano, nano } from '#base/nano.ts'
import { type AccountId, accountIdFromNumber, accountNumber, formatMemo } from '#contracts'
import { openSqlite } from '../../node/open-sqlite.ts'
import type { Chain, TransactionId } from '../chain.ts'
import { MoneyError } from '../errors.ts'
import { readTransaction } from '../toncenter.ts'
import { ton, type World } from './money-world.ts'

/** What the Till keeps of each deposit, and of the one that opens an account. */
const FEE = 20_000_000n
const OPENING = 50_000_000n
const VALUE = ton('1')
const LT_STEP = 1_000_000n
const WRITE_ROWS = 1_000

/** A provider of a Till's history that is too long to execute: every transaction is a deposit, linked by real hashes. */
export interface LongHistory {
  readonly chain: Chain
  readonly accounts: number
  creditOf(account: AccountId): Nano
  accountAt(index: number): AccountId
  close(): void
}

/**
 * Makes `length` transactions out of one real deposit: other memo, time, lt and previous transaction, so that each has its own
 * bytes and hash. They lie on disk, a page is read when it is asked for: what a scan holds in memory is its own.
 */
export async function longHistory(
  world: World,
  { length, accounts }: { readonly length: number; readonly accounts: number },
): Promise<LongHistory> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-history-'))
  const store = openSqlite(join(folder, 'history.db'))
  store.script('CREATE TABLE history (lt TEXT PRIMARY KEY, hash TEXT, prev TEXT, boc TEXT) STRICT')
  const insert = store.prepare('INSERT INTO history (lt, hash, prev, boc) VALUES (?, ?, ?, ?)')
  const template = await realDeposit(world)
  const accountAt = (index: number) => accountIdFromNumber(BigInt(index + 1))
  let previous = { lt: 0n, hash: 0n }
  for (let start = 0; start < length; start += WRITE_ROWS) {
    store.transaction(() => {
      for (let i = start; i < Math.min(length, start + WRITE_ROWS); i++) {
        const made = deposit(template, { index: i, account: accountAt(i % accounts), previous })
        const cell = beginCell().store(storeTransaction(made)).endCell()
        const hash = cell.hash().toString('hex')
        insert.run(text(made.lt), hash, text(previous.lt), cell.toBoc().toString('base64'))
        previous = { lt: made.lt, hash: BigInt(`0x${hash}`) }
      }
    })
  }
  const creditOf = (account: AccountId): Nano => {
    const index = Number(accountNumber(account)) - 1
    const deposits = Math.floor(length / accounts) + (index < length % accounts ? 1 : 0)
    return nano(BigInt(deposits) * (VALUE - FEE) - (deposits > 0 ? OPENING : 0n))
  }
  return {
    accounts,
    accountAt,
    creditOf,
    chain: providerOf({ store, world, length, creditOf, template }),
    close: () => {
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const text = (lt: bigint): string => lt.toString().padStart(20, '0')

async function realDeposit(world: World): Promise<Transaction> {
  await world.deposit(accountIdFromNumber(1n), '1')
  const stored = world.dev.chain.history.transactionsOf(world.till, world.dev.chain.history.seqno)
  const last = stored.at(-1)
  if (last === undefined) throw new Error('no deposit')
  return last.transaction
}

function deposit(
  template: Transaction,
  said: {
    readonly index: number
    readonly account: AccountId
    readonly previous: { readonly lt: bigint; readonly hash: bigint }
  },
): Transaction {
  const { inMessage } = template
  if (inMessage?.info.type !== 'internal') throw new Error('not a deposit')
  const info = { ...inMessage.info, value: { ...inMessage.info.value, coins: VALUE } }
  const changed = {
    ...template,
    lt: BigInt(said.index + 1) * LT_STEP,
    now: template.now + said.index,
    prevTransactionLt: said.previous.lt,
    prevTransactionHash: said.previous.hash,
    inMessage: { ...inMessage, info, body: comment(formatMemo(said.account)) },
  }
  return loadTransaction(beginCell().store(storeTransaction(changed)).endCell().beginParse())
}

function providerOf(made: {
  readonly store: ReturnType<typeof openSqlite>
  readonly world: World
  readonly length: number
  readonly creditOf: (account: AccountId) => Nano
  readonly template: Transaction
}): Chain {
  const { store, world, length, creditOf, template } = made
  const find = store.prepare('SELECT hash, prev, boc FROM history WHERE lt = ?')
  const last: TransactionId = {
    lt: BigInt(length) * LT_STEP,
    hash: String(find.get(text(BigInt(length) * LT_STEP))?.[0]),
  }
  return {
    head: async () => ({
      last,
      balance: nano(BigInt(length) * (VALUE - template.totalFees.coins)),
      active: true,
      seqno: length,
      syncedAt: unixSeconds(Math.floor(world.clock() / 1000)),
    }),
    transactions: async (_, anchor, limit) => {
      const page = []
      for (let lt = text(anchor.lt); page.length < limit; ) {
        const row = find.get(lt)
        if (row === undefined) break
        page.push(readTransaction(String(row[2])))
        lt = String(row[1])
      }
      return page
    },
    runGet: async (_, method, args) => {
      const items = answerOf(method, args, creditOf)
      return { stack: new TupleReader(items), seqno: length }
    },
    send: async () => {
      throw new MoneyError('unavailable', 'this chain takes nothing')
    },
  }
}

/** What the Till's get-methods would say after such a history. */
function answerOf(
  method: string,
  [argument]: readonly TupleItem[],
  creditOf: (account: AccountId) => Nano,
): TupleItem[] {
  const int = (value: bigint): TupleItem => ({ type: 'int', value })
  if (method === 'account' && argument?.type === 'int') {
    const credit = creditOf(accountIdFromNumber(argument.value))
    return [credit, 0n, 0n, credit, 1_000n, 0n, 0n].map(int)
  }
  if (method === 'totals') return [10n ** 18n, 0n, 0n, 0n, 0n, 0n].map(int)
  if (method === 'config') {
    const cell = beginCell()
      .storeAddress(Address.parseRaw(`0:${'11'.repeat(32)}`))
      .endCell()
    return [{ type: 'slice', cell }, ...[86_400n, 345_600n, 0n, 1_000n, 1_000n, 1n].map(int)]
  }
  throw new MoneyError('refused', method)
}
