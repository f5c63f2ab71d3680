import type { Guard } from './guards/guard.ts'
import { GUARDS_OF_GATEWAY } from './guards/of-gateway.ts'
import { GUARDS_OF_LEDGER } from './guards/of-ledger.ts'
import { GUARDS_OF_TILL } from './guards/of-till.ts'

/** Each of them, taken away, must make the simulation fail. */
export const GUARDS: readonly Guard[] = [
  ...GUARDS_OF_LEDGER,
  ...GUARDS_OF_GATEWAY,
  ...GUARDS_OF_TILL,
]
