/** What a developer's own software needs: keys made locally, sealing to runners that it verified itself. */

export { friendlyAddress } from '#contracts/pure'
export {
  type AccountOwner,
  type AccountOwnerJson,
  newAccountOwner,
  ownerFromJson,
  ownerToJson,
  type SignedAccountRequest,
  signAccountRequest,
  signingKey,
} from './account-owner.ts'
export { type Connection, connectWith, type ResolvedOptions } from './connect.ts'
export { ClientError, type ClientErrorCode } from './errors.ts'
export { connect } from './main.ts'
export {
  type ChequeBook,
  createChequeBook,
  type SignedCheque,
  type Spender,
  signCheque,
} from './money/cheque-book.ts'
export { type SignedOrder, signCancelOrder, signExitOrder } from './money/exit-order.ts'
export { accountOfKey, topUpLink } from './money/top-up-link.ts'
export type { ConnectOptions } from './options.ts'
export {
  type AllowlistReader,
  type AllowlistStatement,
  createAllowlistReader,
} from './registry/allowlist.ts'
export { PINNED_REGISTRY } from './registry/pinned.ts'
export type { VerifiedReceipt } from './seal/check-receipt.ts'
export { parseSimulation, type Simulation, simulationJson } from './simulation.ts'
export type { RunnerStatement, Verification } from './verification.ts'
export type { Refusal } from './verify/pool.ts'
