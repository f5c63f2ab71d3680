import type { accounts, exits, hosts } from '../db/schema.ts'

/** An account's row as its ledger has it. */
export type AccountRow = typeof accounts.$inferSelect
/** A host's row as its ledger has it. */
export type HostRow = typeof hosts.$inferSelect
/** An owner's order as its ledger has it. */
export type ExitRow = typeof exits.$inferSelect
