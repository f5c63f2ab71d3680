import type { accounts, hosts } from '../db/schema.ts'

/** An account's row as its ledger has it. */
export type AccountRow = typeof accounts.$inferSelect
/** A host's row as its ledger has it. */
export type HostRow = typeof hosts.$inferSelect
