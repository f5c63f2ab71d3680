import type { Nano } from '#base/nano.ts'
import type { TillConfig } from '../../till-config.ts'
import type { TillWorld } from '../till-world.ts'

/** Opens a Till; a mutation test opens one whose code lacks a check. */
export type OpenTill = (
  config?: Partial<TillConfig>,
  options?: { readonly reserve?: Nano },
) => Promise<TillWorld>

/** A promise of the Till, or an attack on it: throws when it does not hold. */
export interface Rule {
  readonly title: string
  readonly run: (open: OpenTill) => Promise<void>
}
