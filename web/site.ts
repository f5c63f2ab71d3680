import type { Json } from '#base/jcs.ts'
import type { Assets } from './assets.ts'

/** What the entry tells the pages about the gateway that serves them. */
export interface Site {
  readonly assets: Assets
  /** Name of the coin, for people. */
  readonly ticker: string
  /** Raw address of the Registry that the browser reads by itself. */
  readonly registry: string
  /** TON endpoints that the browser may ask directly: the only origins besides the gateway's own. */
  readonly endpoints: readonly string[]
  /** Public explorer of the chain; undefined for a local one. */
  readonly explorer: string | undefined
  /** Roots of simulated hardware, in a development world only (H17). */
  readonly simulation: Json | undefined
}

/** What the interactive parts read of it, as JSON inside each page. */
export interface PageSite {
  /** Hash of the page's files. */
  readonly page: string
  readonly origin: string
  readonly ticker: string
  readonly registry: string
  readonly endpoints: readonly string[]
  readonly explorer: string | null
  /** Where the roots of the simulation are; null where hardware must be real. */
  readonly simulation: string | null
}

export const SIMULATION_PATH = '/simulation.json'
