/**
 * usage: node --expose-gc bench/load/page-cache.ts [--pairs 64000]
 *
 * Settles so many requests into a ledger's file as fast as they go, and prints what memory its process has beside what
 * JavaScript owns: SQLite keeps pages of the file up to its cache, and no more of them however large the file grows.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { unixSeconds } from '#base/brand.ts'
import { drive, fund, openFile } from '../ledger.ts'
import { formatTable } from '../table.ts'

const { values } = parseArgs({ options: { pairs: { type: 'string', default: '64000' } } })
const STEPS = 8
const BATCH = 64
const RECEIPT_CHARS = 1_400
/** Freed memory is given back some time after its collection. */
const SETTLED_MS = 100
const MIB = 1_024 * 1_024

const folder = mkdtempSync(join(tmpdir(), 'cocoon-page-cache-'))
const path = join(folder, 'ledger.db')
try {
  const { ledger, checkpoint, close } = openFile(path)
  const accounts = await fund(ledger)
  const receipt = 'x'.repeat(RECEIPT_CHARS)
  const pairs = Number(values.pairs) / STEPS
  const rows = [await read(0)]
  for (let step = 0; step < STEPS; step++) {
    await drive(ledger, accounts, { batch: BATCH, receipt, pairs, from: step * pairs })
    // As their jobs do in a gateway.
    await ledger.commit([{ op: 'maintain', now: unixSeconds(1_700_000_000) }])
    checkpoint()
    rows.push(await read((step + 1) * pairs))
  }
  const header = ['settled', 'file', 'RSS', 'of it JavaScript’s', 'the rest']
  console.log(formatTable(header, rows))
  await close()
} finally {
  rmSync(folder, { recursive: true })
}

async function read(settled: number): Promise<string[]> {
  await wait(SETTLED_MS)
  globalThis.gc?.()
  await wait(SETTLED_MS)
  const { rss, heapTotal, external } = process.memoryUsage()
  const mib = (bytes: number): string => `${(bytes / MIB).toFixed(0)} MiB`
  const own = heapTotal + external
  return [String(settled), mib(statSync(path).size), mib(rss), mib(own), mib(rss - own)]
}
