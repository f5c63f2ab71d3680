import { scanHistory } from '#gateway/money/testing/scan-history.ts'
import type { Section } from './section.ts'

/** A gateway that was down catches up with the Till's history, then the nightly look at all of it. */
export async function chainSection(quick: boolean): Promise<Section> {
  const { transactions, scanPerSecond, rescanPerSecond } = await scanHistory(quick ? 1_000 : 5_000)
  const rate = (perSecond: number) => Math.round(perSecond).toLocaleString('en')
  return {
    title: `Chain: a Till's history of ${transactions.toLocaleString('en')} transactions`,
    header: ['work', 'transactions/s'],
    rows: [
      ['taken over for the first time, every step durable', rate(scanPerSecond)],
      ['read again and compared with the books', rate(rescanPerSecond)],
    ],
    note: 'From a provider on this machine: over a network, pages of 99 at 8 calls a second are the limit.',
  }
}
