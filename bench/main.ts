/**
 * usage: npm run bench [-- --quick] [--only relay,ledger,postgres,seal,hiding,bytes,attestation,connect,chain,objects]
 *
 * Prints every table in one run, in a few minutes. Read the ratios: absolute times depend on the machine and on
 * whatever else it does.
 */
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { attestationSection } from './attestation.ts'
import { chainSection } from './chain.ts'
import { connectSection } from './connect.ts'
import { ledgerSection } from './ledger-section.ts'
import { objectsSection } from './objects.ts'
import { postgresSection } from './postgres-section.ts'
import { relaySection } from './relay.ts'
import { sealSection } from './seal.ts'
import { hidingSection, sealedRelaySection } from './sealed-bytes.ts'
import type { Section } from './section.ts'
import { formatTable } from './table.ts'

const SECTIONS: Readonly<Record<string, (quick: boolean) => Promise<Section>>> = {
  relay: relaySection,
  ledger: ledgerSection,
  postgres: postgresSection,
  seal: sealSection,
  hiding: hidingSection,
  bytes: sealedRelaySection,
  attestation: attestationSection,
  connect: connectSection,
  chain: chainSection,
  objects: objectsSection,
}

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
})
const wanted = values.only?.split(',') ?? Object.keys(SECTIONS)
const unknown = wanted.filter((name) => !Object.hasOwn(SECTIONS, name))
if (unknown.length > 0) {
  process.stderr.write(
    `bench: no section ${unknown.join(', ')}; there are ${Object.keys(SECTIONS).join(', ')}\n`,
  )
  process.exit(2)
}

const [cpu] = cpus()
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? 'unknown CPU'}, load ${loadavg()[0]?.toFixed(2)}`,
)
for (const name of wanted) {
  const section = await SECTIONS[name]?.(values.quick)
  if (section === undefined) continue
  console.log(`\n${section.title}\n${formatTable(section.header, section.rows)}`)
  if (section.note !== undefined) console.log(section.note)
}
