import { benchLedger } from './ledger.ts'
import type { Section } from './section.ts'

/** Reserve and settle pairs through the group commit, every one durable (`synchronous=FULL`), receipts stored. */
export async function ledgerSection(quick: boolean): Promise<Section> {
  // Pairs that go alone wait for the disk one by one: fewer of them tell as much.
  const alone = await benchLedger({ batches: [1], pairs: 2_000 })
  const grouped = await benchLedger({ batches: [32, 128], pairs: quick ? 10_000 : 60_000 })
  const rows = [...alone, ...grouped]
  return {
    title: 'Ledger: durable reserve + settle pairs',
    header: ['pairs in one transaction', 'pairs/s', 'CPU a pair'],
    rows: rows.map(({ batch, pairsPerSecond, cpuMicros }) => [
      String(batch),
      Math.round(pairsPerSecond).toLocaleString('en'),
      `${cpuMicros.toFixed(1)} µs`,
    ]),
  }
}
