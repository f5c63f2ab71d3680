import { Address } from '@ton/core'
import type { BlockchainTransaction } from '@ton/sandbox'
import { TILL_OP } from '../till-messages.ts'

/** What one message to a contract did. */
export interface Outcome {
  /** Compute phase exit code; -1 when the phase was skipped. */
  readonly exitCode: number
  readonly ok: boolean
  readonly bounced: boolean
  readonly gas: number
  /** Everything that validators and forwarding took in the whole cascade, in nanoTON. */
  readonly fees: bigint
  readonly transaction: BlockchainTransaction
  readonly transactions: readonly BlockchainTransaction[]
}

/** The first transaction of the cascade at `address`. */
export function outcomeAt(
  address: string,
  transactions: readonly BlockchainTransaction[],
): Outcome {
  const transaction = transactions.find(({ inMessage }) => {
    const destination = inMessage?.info.dest
    return Address.isAddress(destination) && destination.toRawString() === address
  })
  if (transaction?.description.type !== 'generic') throw new Error('nothing arrived')
  const { computePhase, actionPhase, bouncePhase } = transaction.description
  const ran = computePhase.type === 'vm'
  return {
    exitCode: ran ? computePhase.exitCode : -1,
    ok: ran && computePhase.success && actionPhase?.success === true,
    bounced: bouncePhase?.type === 'ok',
    gas: ran ? Number(computePhase.gasUsed) : 0,
    fees: cascadeFees(transactions),
    transaction,
    transactions,
  }
}

function cascadeFees(transactions: readonly BlockchainTransaction[]): bigint {
  let fees = 0n
  for (const { totalFees, outMessages } of transactions.slice(1)) {
    fees += totalFees.coins
    for (const { info } of outMessages.values()) {
      if (info.type === 'internal') fees += info.forwardFee
    }
  }
  return fees
}

/** What `address` got from the contract in the cascade, in nanoTON; its own excess is not counted. */
export function received(outcome: Outcome, address: string): bigint {
  for (const { info, body } of outcome.transaction.outMessages.values()) {
    const op = body.beginParse().preloadUint(32)
    if (info.type === 'internal' && op === TILL_OP.payout && info.dest.toRawString() === address) {
      return info.value.coins
    }
  }
  return 0n
}
