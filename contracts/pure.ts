/** Accounts, memos and signed cells without @ton/core: for browsers, clients and runners. */
export * from './account-id.ts'
export * from './address.ts'
export { type BitCell, bitCellHash, type Sha256, webSha256 } from './bit-cell.ts'
export { type ReadCell, readBoc, readCellHash } from './boc.ts'
export * from './errors.ts'
export * from './keys-cell.ts'
export { plainExitBody, plainMemoBody } from './plain-bodies.ts'
export {
  isActive,
  REGISTRY_KIND,
  type RegistryEntry,
  type RegistryKind,
  type RegistrySnapshot,
  readRegistryData,
} from './registry-entries.ts'
export * from './signed-cells.ts'
export * from './small-order.ts'
export * from './till-constants.ts'
export * from './verify-bits.ts'
export * from './verify-voucher.ts'
export { writeBoc } from './write-boc.ts'
