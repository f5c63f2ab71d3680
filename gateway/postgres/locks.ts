import { createHash } from 'node:crypto'
import type { Op, OpName } from '../ledger/port.ts'

/** What a transaction needs to itself. */
export type Locks =
  /** Reads a whole store at one moment; locks nothing and nobody. */
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'locked'; readonly statements: readonly string[] }

/**
 * Of the advisory locks of a database the ones that are ours, as the first of their two numbers: `coco`. The second is 0 for the
 * store as a whole, 1 for whoever leads, 2 for whoever migrates.
 */
export const OURS = 0x636f_636f

/** What an operation works on: rows that it names, by accounts and payees, or all of them. */
export type Scope = 'read' | 'audit' | 'named' | 'store'
const SCOPES: Partial<Record<OpName, Scope>> = {
  audit: 'audit',
  read_account: 'read',
  find_key: 'read',
  list_keys: 'read',
  list_wallets: 'read',
  find_wallet: 'read',
  read_spending: 'read',
  usage_report: 'read',
  read_webhook: 'read',
  find_settlement: 'read',
  list_settlements: 'read',
  read_host: 'read',
  list_events: 'read',
  list_waiting: 'read',
  read_exit: 'read',
  list_movements: 'read',
  read_outbox: 'read',
  maintain: 'store',
  expire_accounts: 'store',
  due_webhooks: 'store',
  apply_outbox: 'store',
  ack_outbox: 'store',
}

/** Of a call, or of several that share a transaction. */
export function scopeOf(ops: readonly Op[]): Scope {
  const scopes = new Set(ops.map(({ op }) => SCOPES[op] ?? 'named'))
  if (scopes.has('store')) return 'store'
  const writes = scopes.has('named')
  // Beside writes of the same transaction an audit must be alone to see one moment.
  if (scopes.has('audit')) return writes ? 'store' : 'audit'
  return writes ? 'named' : 'read'
}

/** The names that an operation works on. */
export function namesOf(op: Op): readonly string[] {
  if (op.op === 'record_charge') return op.items.map(({ account }) => account)
  if (op.op === 'list_events') return []
  if ('account' in op) return [op.account]
  if ('wallet' in op) return [op.wallet]
  if ('payee' in op) return [op.payee]
  return 'address' in op ? [op.address] : []
}

/**
 * Every operation of an account runs alone among those of the account, in whatever process: what it reads is true until
 * it has written. Operations of the whole store run alone. Locks are taken before anything is read, always in one
 * order, and end with the transaction.
 */
export function locksOf(ops: readonly Op[]): Locks {
  const scope = scopeOf(ops)
  if (scope === 'read' || scope === 'audit') return { kind: 'snapshot' }
  if (scope === 'store') {
    return { kind: 'locked', statements: [`SELECT pg_advisory_xact_lock(${OURS}, 0)`] }
  }
  const names = new Set(ops.flatMap(namesOf))
  const keys = [...names].map(keyOf).sort((a, b) => (a < b ? -1 : 1))
  const each = `SELECT pg_advisory_xact_lock(k) FROM unnest(ARRAY[${keys.join(', ')}]::bigint[]) AS k`
  return {
    kind: 'locked',
    statements: [
      `SELECT pg_advisory_xact_lock_shared(${OURS}, 0)`,
      ...(keys.length === 0 ? [] : [each]),
    ],
  }
}

/** 64 bits of a name: two that meet only wait for each other without need. */
function keyOf(name: string): bigint {
  return createHash('sha256').update(`cocoon ledger ${name}`).digest().readBigInt64BE()
}
