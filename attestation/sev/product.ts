import type { SevProduct } from '../anchors.ts'
import type { Cpuid } from './report.ts'

const RANGES: readonly {
  readonly family: number
  readonly from: number
  readonly to: number
  readonly product: SevProduct
}[] = [
  { family: 0x19, from: 0x00, to: 0x0f, product: 'Milan' },
  { family: 0x19, from: 0x10, to: 0x1f, product: 'Genoa' },
  // Bergamo and Siena share Genoa's roots; both ends belong to the range.
  { family: 0x19, from: 0xa0, to: 0xaf, product: 'Genoa' },
  { family: 0x1a, from: 0x00, to: 0x11, product: 'Turin' },
]

/** The root family of a processor; undefined for processors whose roots are not pinned (Venice). @see AMD 57230, product names */
export function productOfCpuid({ family, model }: Cpuid): SevProduct | undefined {
  return RANGES.find((range) => {
    return range.family === family && model >= range.from && model <= range.to
  })?.product
}
