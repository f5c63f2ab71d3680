import { beginCell, Cell, loadTransaction, type TupleItem, TupleReader } from '@ton/core'
import { z } from 'zod'
import { unixSeconds } from '#base/brand.ts'
import { type Nano, nano } from '#base/nano.ts'
import { parseShape } from '../parse-shape.ts'
import type { Chain, TransactionId, WalkedTransaction } from './chain.ts'
import { MoneyError } from './errors.ts'
import type { JsonRpc } from './json-rpc.ts'

const NO_TRANSACTION = '0'

const transactionId = z.object({ lt: z.string().regex(/^\d{1,20}$/), hash: z.string().max(64) })
const blockId = z.object({ seqno: z.int().nonnegative() })
const accountState = z.object({
  balance: z.union([z.string().regex(/^-?\d{1,30}$/), z.int()]),
  state: z.enum(['active', 'uninitialized', 'frozen']),
  last_transaction_id: transactionId,
  block_id: blockId,
  sync_utime: z.int().nonnegative(),
})
const transactionPage = z.array(z.object({ data: z.string(), transaction_id: transactionId }))
const getResult = z.object({
  exit_code: z.int(),
  stack: z.array(z.tuple([z.string(), z.unknown()])).max(256),
  block_id: blockId.optional(),
})
const cellItem = z.object({ bytes: z.string() })

/** Toncenter's v2 API as a provider of chain state. */
export function toncenter(rpc: JsonRpc): Chain {
  return {
    async head(address) {
      const state = parsed(accountState, await rpc.call('getAddressInformation', { address }))
      const { lt, hash } = state.last_transaction_id
      return {
        last: lt === NO_TRANSACTION ? null : { lt: BigInt(lt), hash: hexOf(hash) },
        balance: balanceOf(state.balance),
        active: state.state === 'active',
        seqno: state.block_id.seqno,
        syncedAt: unixSeconds(state.sync_utime),
      }
    },

    async transactions(address, anchor, limit) {
      const { lt, hash } = anchor
      // `archival`: an answer must not depend on how much history one server keeps.
      const params = { address, limit, lt: lt.toString(), hash, archival: true }
      const page = parsed(transactionPage, await rpc.call('getTransactions', params))
      return connected(
        anchor,
        page.map(({ data }) => readTransaction(data)),
      )
    },

    async runGet(address, method, args) {
      const params = { address, method, stack: args.map(argument) }
      const result = parsed(getResult, await rpc.call('runGetMethod', params))
      if (result.exit_code !== 0 && result.exit_code !== 1) {
        throw new MoneyError('refused', `${method} exits with ${result.exit_code}`)
      }
      const stack = new TupleReader(result.stack.map(stackItem))
      return { stack, seqno: result.block_id?.seqno ?? null }
    },

    async send(boc) {
      await rpc.callOnce('sendBoc', { boc })
    },
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = parseShape(schema, value)
  if (!result.ok) {
    throw new MoneyError('bad_answer', 'an answer has another shape', { cause: result.cause })
  }
  return result.data
}

/** Of an account that does not exist some servers say -1. */
function balanceOf(told: string | number): Nano {
  const balance = BigInt(told)
  return nano(balance < 0n ? 0n : balance)
}

const hexOf = (base64: string): string => Buffer.from(base64, 'base64').toString('hex')

/** Reads a transaction from its own bytes: whatever else the provider says of it is ignored. */
export function readTransaction(boc: string): WalkedTransaction {
  try {
    const cell = Cell.fromBase64(boc)
    const transaction = loadTransaction(cell.beginParse())
    const previousLt = transaction.prevTransactionLt
    const previousHash = transaction.prevTransactionHash.toString(16).padStart(64, '0')
    return {
      id: { lt: transaction.lt, hash: cell.hash().toString('hex') },
      previous: previousLt === 0n ? null : { lt: previousLt, hash: previousHash },
      boc,
      transaction,
    }
  } catch (cause) {
    throw new MoneyError('bad_answer', 'not a transaction', { cause })
  }
}

/** Each must be the one that its successor names: a row left out or put in does not pass (A15, A16). */
function connected(
  anchor: TransactionId,
  page: readonly WalkedTransaction[],
): readonly WalkedTransaction[] {
  let expected: TransactionId | null = anchor
  for (const { id, previous } of page) {
    if (expected === null || id.lt !== expected.lt || id.hash !== expected.hash) {
      throw new MoneyError('gap', `transaction ${expected?.lt ?? 0n} is missing`)
    }
    expected = previous
  }
  if (page.length === 0) throw new MoneyError('gap', `transaction ${anchor.lt} is missing`)
  return page
}

function argument(item: TupleItem): [string, string] {
  if (item.type === 'int') return ['num', item.value.toString()]
  if (item.type === 'slice') {
    return [
      'tvm.Slice',
      beginCell().storeSlice(item.cell.beginParse()).endCell().toBoc().toString('base64'),
    ]
  }
  throw new MoneyError('bad_answer', `a get-method argument of type ${item.type}`)
}

function stackItem([type, value]: readonly [string, unknown]): TupleItem {
  if (type === 'num' && typeof value === 'string') return { type: 'int', value: readInteger(value) }
  if (type === 'cell' || type === 'slice') {
    return { type, cell: readCell(parsed(cellItem, value).bytes) }
  }
  if (type === 'list' || type === 'null') return { type: 'null' }
  throw new MoneyError('bad_answer', 'a stack item of an unknown type')
}

function readCell(boc: string): Cell {
  try {
    return Cell.fromBase64(boc)
  } catch (cause) {
    throw new MoneyError('bad_answer', 'not a cell', { cause })
  }
}

function readInteger(text: string): bigint {
  try {
    return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text)
  } catch (cause) {
    throw new MoneyError('bad_answer', 'not an integer', { cause })
  }
}
