import {
  Address,
  beginCell,
  Cell,
  Dictionary,
  type DictionaryValue,
  loadMessage,
  type Message,
  storeMessage,
  storeTransaction,
  type Transaction,
} from '@ton/core'
import { GAS, type Payment, type TillMessage, type TillOutcome } from './till-run.ts'

/** A transaction of the Till as a provider hands it over. */
export interface StoredTransaction {
  readonly lt: bigint
  readonly hash: string
  readonly previous: { readonly lt: bigint; readonly hash: string } | null
  readonly boc: string
}

const NO_HASH = Buffer.alloc(32)
const MESSAGE_KEY = Dictionary.Keys.Uint(15)
const MESSAGE_VALUE: DictionaryValue<Message> = {
  serialize: (message, builder) => {
    builder.storeRef(beginCell().store(storeMessage(message)).endCell())
  },
  parse: (slice) => loadMessage(slice.loadRef().beginParse()),
}
/** Each message's own share of logical time. */
export const LT_STEP = 1_000_000n

/** Writes what one message did as a transaction with its hash chain. */
export function writeTransaction(done: {
  readonly till: Address
  readonly message: TillMessage
  readonly outcome: TillOutcome
  readonly out: readonly Payment[]
  readonly previous: StoredTransaction | undefined
  readonly now: number
}): StoredTransaction {
  const { till, message, outcome, previous, now } = done
  const lt = (previous?.lt ?? 0n) + LT_STEP
  const outMessages = Dictionary.empty(MESSAGE_KEY, MESSAGE_VALUE)
  for (const [i, { to, value }] of done.out.entries()) {
    outMessages.set(i, internalMessage({ from: till, to: Address.parse(to), value, lt, now }))
  }
  const inMessage = internalMessage({
    from: Address.parse(message.from),
    to: till,
    value: message.value,
    lt,
    now,
    bounce: message.bounce,
    body: message.body,
  })
  const isOk = outcome.ok
  const transaction: Omit<Transaction, 'raw' | 'hash'> = {
    address: BigInt(`0x${till.hash.toString('hex')}`),
    lt,
    prevTransactionHash: BigInt(`0x${previous?.hash ?? '0'}`),
    prevTransactionLt: previous?.lt ?? 0n,
    now,
    outMessagesCount: done.out.length,
    oldStatus: 'active',
    endStatus: 'active',
    inMessage,
    outMessages,
    totalFees: { coins: GAS },
    stateUpdate: { oldHash: NO_HASH, newHash: NO_HASH },
    description: {
      type: 'generic',
      creditFirst: false,
      computePhase: {
        type: 'vm',
        success: isOk,
        messageStateUsed: false,
        accountActivated: false,
        gasFees: GAS,
        gasUsed: 1n,
        gasLimit: 1n,
        mode: 0,
        exitCode: outcome.ok ? 0 : outcome.exitCode,
        vmSteps: 1,
        vmInitStateHash: 0n,
        vmFinalStateHash: 0n,
      },
      actionPhase: isOk ? actionPhase(done.out.length) : null,
      aborted: !isOk,
      destroyed: false,
    },
  }
  // Sound: writing reads neither `raw` nor `hash`.
  const written = beginCell()
    .store(storeTransaction(transaction as Transaction))
    .endCell()
  return {
    lt,
    hash: written.hash().toString('hex'),
    previous: previous === undefined ? null : { lt: previous.lt, hash: previous.hash },
    boc: written.toBoc().toString('base64'),
  }
}

function actionPhase(count: number) {
  return {
    success: true,
    valid: true,
    noFunds: false,
    statusChange: 'unchanged',
    resultCode: 0,
    totalActions: count,
    specActions: 0,
    skippedActions: 0,
    messagesCreated: count,
    actionListHash: 0n,
    totalMessageSize: { cells: 0n, bits: 0n },
  } as const
}

function internalMessage(said: {
  readonly from: Address
  readonly to: Address
  readonly value: bigint
  readonly lt: bigint
  readonly now: number
  readonly bounce?: boolean
  readonly body?: Cell
}): Message {
  return {
    info: {
      type: 'internal',
      ihrDisabled: true,
      bounce: said.bounce ?? false,
      bounced: false,
      src: said.from,
      dest: said.to,
      value: { coins: said.value },
      ihrFee: 0n,
      forwardFee: 0n,
      createdLt: said.lt,
      createdAt: said.now,
    },
    body: said.body ?? Cell.EMPTY,
  }
}
