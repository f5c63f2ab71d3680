/** A value as JSON holds it; bytes in base64. */
export type Cell = string | number | null | { readonly base64: string }

/** Rows of one table, with their columns named once. */
export interface TableRows {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

/**
 * What moves between stores: small enough for one request, and true by itself. Numbers that a store gave to its own rows
 * (accounts, terms, settlements) mean nothing outside and are given anew.
 */
export type Unit =
  | {
      readonly kind: 'account'
      readonly id: string
      /** Its row, keys, budgets, holds and own movements. */
      readonly tables: Readonly<Record<string, TableRows>>
      /** Parts of its settlements that hosts and fees got, decimal. */
      readonly share: string
      readonly commission: string
    }
  /** A part of an account's settlements and their receipts, oldest first. */
  | {
      readonly kind: 'history'
      readonly id: string
      readonly tables: Readonly<Record<string, TableRows>>
    }
  | {
      readonly kind: 'host'
      readonly id: string
      readonly tables: Readonly<Record<string, TableRows>>
      /** The operator's part of the host's settlements, decimal. */
      readonly commission: string
    }
  /** A part of a table that belongs to the gateway as a whole. */
  | {
      readonly kind: 'rows'
      readonly id: string
      readonly tables: Readonly<Record<string, TableRows>>
    }

/** Tables of an account, by how their rows name it. */
export const ACCOUNT_TABLES = {
  byId: ['api_keys', 'wallet_links', 'used_nonces', 'idempotency', 'webhooks', 'exits'],
  byNumber: ['key_budgets', 'usage_days', 'holds'],
} as const

/** Tables of the gateway as a whole, by the object that has them on Workers. */
export const GATEWAY_TABLES = {
  market: [
    'runners',
    'leases',
    'sessions',
    'models',
    'runner_scores',
    'runner_hours',
    'runner_faults',
    'payee_proofs',
    'payee_changes',
  ],
  chain: ['chain_cursors', 'chain_events'],
  cashier: ['charges', 'charge_items'],
} as const

export type GatewayPart = keyof typeof GATEWAY_TABLES
/** Rows of `marks` that are facts, and not a store's own bookkeeping. */
export const MOVED_MARKS = "name = 'registry_version'"
/** Rows of one unit: a session holds evidence of hundreds of kilobytes, a settlement a receipt of two. */
export const PAGE = { history: 500, rows: 200, sessions: 4 } as const
