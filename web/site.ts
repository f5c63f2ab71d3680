import type { Json } from '#base/jcs.ts'
import type { AssetIndex } from './assets.ts'

/** What the entry tells the pages about the gateway that serves them. */
export interface Site {
  readonly assets: AssetIndex
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

/** What an entry says to open the pages. */
export interface PagesOptions {
  /** Folder of package.json. */
  readonly root: string
  readonly registry: string
  /** TON endpoints that browsers may ask; none: they take the gateway's word, and say so. */
  readonly endpoints: readonly string[]
  readonly network: 'mainnet' | 'testnet' | 'local'
  /** Roots of simulated hardware, given by a development world alone (H17). */
  readonly simulation?: Json | undefined
}

const EXPLORERS = {
  mainnet: 'https://tonviewer.com/',
  testnet: 'https://testnet.tonviewer.com/',
  local: undefined,
} as const

export function explorerOf(network: PagesOptions['network']): string | undefined {
  return EXPLORERS[network]
}
