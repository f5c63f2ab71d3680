export { cellHash, toCell } from './cells.ts'
export { type ChargeBatch, chargeBatchCell, readChargeBatch } from './charge-batch.ts'
export * from './pure.ts'
export * from './read-till-transaction.ts'
export * from './registry.ts'
export * from './registry-messages.ts'
export * from './till.ts'
export {
  assertTillConfig,
  MAX_FEE_BPS,
  MAX_HOLD_DAYS,
  rotationSeconds,
  type TillConfig,
} from './till-config.ts'
export * from './till-messages.ts'
