import type { Transaction } from '@ton/core'
import { unixSeconds } from '#base/brand.ts'
import { ZERO_NANO } from '#base/nano.ts'
import { readTillTransaction, type TillEvent } from '#contracts'
import { columnMost } from '../db/columns.ts'
import { type AccountId, tonAddress } from '../db/ids.ts'
import type { ChainEvent } from '../ledger/port.ts'

/** What a transaction of the Till means: the row to keep, and whose accounts to read again. */
export interface Reading {
  readonly event: ChainEvent
  readonly accounts: readonly AccountId[]
}

type Described = Pick<ChainEvent, 'kind' | 'account' | 'reason'>

const DEPOSITS: ReadonlySet<string> = new Set(['comment', 'deposit'])

/**
 * Reads a transaction of the Till. Total: money that no rule credits becomes a row that the operator sees, never nothing.
 * The amounts are what messages carried; what an account got for them, the Till alone says.
 */
export function readDeposit(hash: string, transaction: Transaction): Reading {
  const read = readTillTransaction(transaction)
  const { kind, account, reason } = describe(read)
  return {
    event: {
      lt: transaction.lt,
      hash,
      kind,
      account,
      sender: 'from' in read ? tonAddress(read.from) : null,
      value: 'value' in read ? columnMost(read.value) : ZERO_NANO,
      reason,
      time: unixSeconds(transaction.now),
    },
    accounts: read.kind === 'accounts' ? read.accounts : [],
  }
}

function describe(read: TillEvent): Described {
  switch (read.kind) {
    case 'accounts': {
      const [account = null, ...others] = read.accounts
      if (DEPOSITS.has(read.op)) return { kind: 'deposit', account, reason: null }
      return { kind: 'operation', account: others.length === 0 ? account : null, reason: read.op }
    }
    case 'orphan': {
      const reason = read.account === undefined ? 'no valid memo' : 'below the minimum'
      return { kind: 'orphan', account: read.account ?? null, reason }
    }
    case 'refused': {
      const reason = `exit code ${read.exitCode ?? 'none'}`
      return { kind: read.returned ? 'returned' : 'unattributed', account: null, reason }
    }
    case 'other':
      return { kind: 'operation', account: null, reason: read.op }
    case 'unknown':
      return { kind: 'unattributed', account: null, reason: 'no message from an account' }
  }
}
