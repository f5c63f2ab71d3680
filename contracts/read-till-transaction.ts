import type { Cell, Slice, Transaction } from '@ton/core'
import { type Nano, nano } from '#base/nano.ts'
import { type AccountId, accountIdFromNumber, parseMemo } from './account-id.ts'
import { readChargeBatch } from './charge-batch.ts'
import { MIN_DEPOSIT } from './till-constants.ts'
import { TILL_OP, type TillOp } from './till-messages.ts'

interface Money {
  /** Raw address of the sender. */
  readonly from: string
  /** What the message carried. */
  readonly value: Nano
}

/**
 * What one of the Till's transactions means to a watcher. `account(id)` at a final block stays the truth: this only
 * says whose account to read again, and what an operator wants to see.
 */
export type TillEvent =
  /** Money came for these accounts, or left them: read them again. */
  | (Money & {
      readonly kind: 'accounts'
      readonly op: TillOp | 'comment'
      readonly accounts: readonly AccountId[]
    })
  /** Money that no account got: counted in the Till's `orphans` and refundable. `account`: a valid memo, but dust. */
  | (Money & { readonly kind: 'orphan'; readonly account: AccountId | undefined })
  /** Nothing changed. `returned`: the money went back; else what was left of it stays as surplus. */
  | (Money & {
      readonly kind: 'refused'
      readonly exitCode: number | undefined
      readonly returned: boolean
    })
  /** Anything else that succeeded: redeemed vouchers, rotations, top-ups. */
  | (Money & { readonly kind: 'other'; readonly op: TillOp })
  /** No message from an account: the Till takes none, so this would be new. */
  | { readonly kind: 'unknown' }

interface Body {
  readonly op: TillOp | 'comment' | undefined
  readonly accounts: readonly AccountId[]
}

const COMMENT_OP = 0
const MAX_MEMO_BITS = 48 * 8

const OPS: ReadonlyMap<number, TillOp> = new Map(
  // Sound: the keys of the table are what TillOp is made of.
  Object.entries(TILL_OP).map(([name, code]) => [code, name as TillOp]),
)

/** How to find the accounts in each operation's body; the others have none. */
const ACCOUNTS: Readonly<Partial<Record<TillOp, (body: Slice) => readonly AccountId[]>>> = {
  deposit: (body) => [readId(body)],
  exitFinish: (body) => [readId(body)],
  charge: (body) => [...readChargeBatch(body.skip(512).loadRef()).items.keys()],
  chargeCheque: (body) => [idInOrder(secondRef(body.skip(512)))],
  exitRequest: (body) => [idInOrder(secondRef(body))],
  exitCancel: (body) => [idInOrder(secondRef(body))],
  exitFast: (body) => [idInOrder(body.skip(512).loadRef())],
}

/** Classifies a transaction of the Till. Total: whatever the body holds, it answers. */
export function readTillTransaction(transaction: Transaction): TillEvent {
  const message = transaction.inMessage
  if (message?.info.type !== 'internal') return { kind: 'unknown' }
  const { src, value } = message.info
  const money = { from: src.toRawString(), value: nano(value.coins) }
  const failure = failureOf(transaction)
  if (failure !== undefined) return { kind: 'refused', ...failure, ...money }
  const { op, accounts } = readBody(message.body)
  const isDeposit = op === 'comment' || op === 'deposit'
  if (op === undefined || (isDeposit && (accounts.length === 0 || money.value < MIN_DEPOSIT))) {
    return { kind: 'orphan', account: accounts[0], ...money }
  }
  if (accounts.length > 0 || op === 'comment') return { kind: 'accounts', op, accounts, ...money }
  return { kind: 'other', op, ...money }
}

function failureOf(
  transaction: Transaction,
): { exitCode: number | undefined; returned: boolean } | undefined {
  const { description } = transaction
  if (description.type !== 'generic') return { exitCode: undefined, returned: false }
  const { computePhase, actionPhase, bouncePhase } = description
  if (computePhase.type === 'vm' && computePhase.success && actionPhase?.success === true) {
    return undefined
  }
  const exitCode = computePhase.type === 'vm' ? computePhase.exitCode : undefined
  return { exitCode, returned: bouncePhase?.type === 'ok' }
}

function readBody(cell: Cell): Body {
  const body = cell.beginParse()
  if (body.remainingBits < 32) return { op: 'comment', accounts: [] }
  const code = body.loadUint(32)
  if (code === COMMENT_OP) return { op: 'comment', accounts: readMemo(body) }
  const op = OPS.get(code)
  if (op === undefined) return { op, accounts: [] }
  try {
    return { op, accounts: ACCOUNTS[op]?.(body.skip(64)) ?? [] }
  } catch {
    // The contract took it, so this cannot happen; a watcher must not stop if it does.
    return { op, accounts: [] }
  }
}

function readMemo(body: Slice): readonly AccountId[] {
  const bits = body.remainingBits
  if (body.remainingRefs > 0 || bits % 8 !== 0 || bits > MAX_MEMO_BITS) return []
  const account = parseMemo(body.loadBuffer(bits / 8).toString('latin1'))
  return account === undefined ? [] : [account]
}

function readId(body: Slice): AccountId {
  return accountIdFromNumber(body.loadUintBig(152))
}

/** Every order and cheque begins with its tag and the Till's address. */
function idInOrder(order: Cell): AccountId {
  return readId(order.beginParse().skip(32 + 267))
}

function secondRef(body: Slice): Cell {
  body.loadRef()
  return body.loadRef()
}
