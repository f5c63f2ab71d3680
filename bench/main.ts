/**
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

const USAGE = `usage: npm run bench [-- --quick] [--only SECTION,SECTION]
sections: ${Object.keys(SECTIONS).join(', ')}
`

const { quick, only } = readOptions()
const [cpu] = cpus()
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? 'unknown CPU'}, load ${loadavg()[0]?.toFixed(2)}`,
)
for (const name of only) {
  try {
    const section = await SECTIONS[name]?.(quick)
    if (section === undefined) continue
    console.log(`\n${section.title}\n${formatTable(section.header, section.rows)}`)
    if (section.note !== undefined) console.log(section.note)
  } catch (error) {
    // The other tables are worth having.
    console.error(`\nbench: section ${name} failed`, error)
    process.exitCode = 1
  }
}

function readOptions(): { readonly quick: boolean; readonly only: readonly string[] } {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) end(USAGE, 0)
    const wanted = values.only?.split(',') ?? Object.keys(SECTIONS)
    const unknown = wanted.filter((name) => !Object.hasOwn(SECTIONS, name))
    if (unknown.length > 0) end(`bench: no section ${unknown.join(', ')}\n${USAGE}`, 2)
    return { quick: values.quick, only: wanted }
  } catch (error) {
    return end(`bench: ${error instanceof Error ? error.message : error}\n${USAGE}`, 2)
  }
}

function end(text: string, code: number): never {
  const to = code === 0 ? process.stdout : process.stderr
  to.write(text)
  process.exit(code)
}
