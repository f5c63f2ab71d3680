import type { Simulation } from '../simulation.ts'

/** Something that happens, and how often against the others. */
export interface Act {
  readonly name: string
  readonly weight: number
  readonly run: (simulation: Simulation) => Promise<void> | void
}
