import type { MeteredUsage } from '#protocol'

/** What this gateway counts. Labels come from configured lists only (M17). */
export interface Metrics {
  /** One inference request ended. @param outcome of a closed list */
  request(path: string, confidentiality: string, outcome: string, seconds: number): void
  firstByte(seconds: number): void
  settled(usage: Pick<MeteredUsage, 'prompt_tokens' | 'completion_tokens'>, cost: bigint): void
  refusedReceipt(code: string): void
  runners(counts: { readonly eligible: number; readonly known: number }): void
  queue(requests: number): void
  /** Everything counted, as a scraper reads it. */
  exposition(): Promise<{ readonly contentType: string; readonly text: string }>
}
