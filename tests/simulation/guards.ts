import type { SimulationOptions } from './simulation.ts'

export interface Guard {
  readonly name: string
  readonly broken: Omit<SimulationOptions, 'seed'>
}
export const GUARDS: readonly Guard[] = []
