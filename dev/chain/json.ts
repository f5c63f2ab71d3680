import { createHash } from 'node:crypto'
import { Address, Cell, type Message, type ShardAccount, type TupleItem } from '@ton/core'
import type { StoredTransaction } from './history.ts'

/** The JSON shapes of toncenter's v2 API, as `@ton/ton`'s TonClient checks them. */

const SHARD = '-9223372036854775808'
const COMMENT_OP = 0

export function blockIdJson(workchain: number, seqno: number) {
  const hash = (kind: string) =>
    createHash('sha256').update(`${kind} ${workchain} ${seqno}`).digest('base64')
  return {
    '@type': 'ton.blockIdExt',
    workchain,
    shard: SHARD,
    seqno,
    root_hash: hash('root'),
    file_hash: hash('file'),
  }
}

export function transactionIdJson(lt: bigint, hash: Buffer) {
  return {
    '@type': 'internal.transactionId',
    lt: lt.toString(),
    hash: hash.toString('base64'),
  }
}

export function transactionJson(stored: StoredTransaction) {
  const { transaction } = stored
  const storageFee = storageFeeOf(stored)
  return {
    '@type': 'raw.transaction',
    address: {
      '@type': 'accountAddress',
      account_address: Address.parse(stored.account).toString(),
    },
    utime: transaction.now,
    data: transaction.raw.toBoc().toString('base64'),
    transaction_id: transactionIdJson(stored.lt, stored.hash),
    fee: transaction.totalFees.coins.toString(),
    storage_fee: storageFee.toString(),
    other_fee: (transaction.totalFees.coins - storageFee).toString(),
    in_msg: transaction.inMessage ? messageJson(transaction.inMessage) : undefined,
    out_msgs: transaction.outMessages.values().map(messageJson),
  }
}

function storageFeeOf({ transaction }: StoredTransaction): bigint {
  const { description } = transaction
  if (description.type !== 'generic') return 0n
  return description.storagePhase?.storageFeesCollected ?? 0n
}

function messageJson(message: Message) {
  const { info, body } = message
  const internal = info.type === 'internal' ? info : undefined
  const text = commentOf(body)
  return {
    '@type': 'raw.message',
    source: info.type === 'external-in' ? '' : info.src.toString(),
    destination: info.dest?.toString() ?? '',
    value: (internal?.value.coins ?? 0n).toString(),
    fwd_fee: (internal?.forwardFee ?? 0n).toString(),
    ihr_fee: '0',
    created_lt: info.type === 'external-in' ? '0' : info.createdLt.toString(),
    body_hash: body.hash().toString('base64'),
    msg_data:
      text === undefined
        ? { '@type': 'msg.dataRaw', body: body.toBoc().toString('base64'), init_state: '' }
        : { '@type': 'msg.dataText', text: Buffer.from(text).toString('base64') },
    message: text ?? '',
  }
}

function commentOf(body: Cell): string | undefined {
  const slice = body.beginParse()
  if (slice.remainingBits < 32 || slice.loadUint(32) !== COMMENT_OP) return undefined
  try {
    return slice.loadStringTail()
  } catch {
    // Not whole bytes: shown as raw data, like any other body.
    return undefined
  }
}

/** @param account undefined for an address that was never touched */
export function accountJson(
  account: ShardAccount | undefined,
  last: StoredTransaction | undefined,
  seqno: number,
  syncTime: number,
) {
  const storage = account?.account?.storage
  const active = storage?.state.type === 'active' ? storage.state.state : undefined
  return {
    '@type': 'raw.fullAccountState',
    balance: (storage?.balance.coins ?? 0n).toString(),
    extra_currencies: [],
    code: active?.code?.toBoc().toString('base64') ?? '',
    data: active?.data?.toBoc().toString('base64') ?? '',
    last_transaction_id: transactionIdJson(last?.lt ?? 0n, last?.hash ?? Buffer.alloc(32)),
    block_id: blockIdJson(-1, seqno),
    frozen_hash: '',
    sync_utime: syncTime,
    state: STATE_NAMES[storage?.state.type ?? 'uninit'],
  }
}

const STATE_NAMES = { active: 'active', frozen: 'frozen', uninit: 'uninitialized' } as const

/** @throws RangeError for anything but ["num" | "tvm.Cell" | "tvm.Slice" | "tvm.Builder", text] */
export function stackItemFromJson(item: unknown): TupleItem {
  if (!Array.isArray(item)) throw new RangeError('a stack item is a pair')
  const [kind, value]: readonly unknown[] = item
  if (typeof value !== 'string') throw new RangeError('a stack item holds text')
  if (kind === 'num') return { type: 'int', value: BigInt(value) }
  if (kind === 'tvm.Cell') return { type: 'cell', cell: Cell.fromBase64(value) }
  if (kind === 'tvm.Slice') return { type: 'slice', cell: Cell.fromBase64(value) }
  if (kind === 'tvm.Builder') return { type: 'builder', cell: Cell.fromBase64(value) }
  throw new RangeError('unknown stack item')
}

export function stackItemJson(item: TupleItem): readonly [string, unknown] {
  if (item.type === 'int') {
    const digits = (item.value < 0n ? -item.value : item.value).toString(16)
    return ['num', `${item.value < 0n ? '-' : ''}0x${digits}`]
  }
  if (item.type === 'tuple') {
    return ['tuple', { '@type': 'tvm.tuple', elements: item.items.map(stackEntryJson) }]
  }
  if (item.type === 'cell' || item.type === 'slice' || item.type === 'builder') {
    return [item.type, { bytes: item.cell.toBoc().toString('base64') }]
  }
  return ['list', { '@type': 'tvm.list', elements: [] }]
}

/** Inside tuples the API wraps every value once more. */
function stackEntryJson(item: TupleItem): unknown {
  if (item.type === 'int') {
    const number = { '@type': 'tvm.numberDecimal', number: item.value.toString() }
    return { '@type': 'tvm.stackEntryNumber', number }
  }
  if (item.type === 'tuple') {
    const tuple = { '@type': 'tvm.tuple', elements: item.items.map(stackEntryJson) }
    return { '@type': 'tvm.stackEntryTuple', tuple }
  }
  if (item.type === 'slice') {
    const slice = { '@type': 'tvm.slice', bytes: item.cell.toBoc().toString('base64') }
    return { '@type': 'tvm.stackEntrySlice', slice }
  }
  if (item.type === 'cell' || item.type === 'builder') {
    const cell = { '@type': 'tvm.cell', bytes: item.cell.toBoc().toString('base64') }
    return { '@type': 'tvm.stackEntryCell', cell }
  }
  return { '@type': 'tvm.stackEntryList', list: { '@type': 'tvm.list', elements: [] } }
}
