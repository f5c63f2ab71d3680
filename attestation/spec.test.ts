import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { COMMON_CHECKS } from './appraise.ts'
import type { CheckTable } from './checks.ts'
import { FAILURES, type FailureEntry } from './codes.ts'
import { NRAS_CHECKS } from './nras/checks.ts'
import { NVIDIA_CHECKS } from './nvidia/checks.ts'
import { SEV_CHECKS } from './sev/checks.ts'
import { TDX_CHECKS } from './tdx/checks.ts'

const FILE = join(import.meta.dirname, 'SPEC.md')

const TABLES: readonly (readonly [string, CheckTable])[] = [
  ['Common', COMMON_CHECKS],
  ['AMD SEV-SNP', SEV_CHECKS],
  ['Intel TDX', TDX_CHECKS],
  ['NVIDIA GPUs', NVIDIA_CHECKS],
  ['NVIDIA’s attestation service', NRAS_CHECKS],
]

/** A Markdown table as the formatter writes it: columns padded to their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

function render(): string {
  const tables = TABLES.map(([title, checks]) => {
    const rows = Object.entries(checks).map(([id, spec]) => [`\`${id}\``, spec])
    return `## ${title}\n\n${table(['check', 'demanded by'], rows)}`
  })
  const failures: [string, FailureEntry][] = Object.entries(FAILURES)
  const codes = failures.map(([code, { remedy, class: name = code }]) => {
    return [`\`${code}\``, `\`${name}\``, remedy]
  })
  return `# Checks and failure codes

Written by \`UPDATE_SPEC=1 npx vitest run attestation/spec\`. ABI is AMD 56860 (SEV-SNP firmware ABI), KDS is AMD 57230
(VCEK certificates and key distribution service). A failed check has an id (where) and a code (what); programs act on the code.

${tables.join('\n\n')}

## Failure codes

The class is that of the vectors schema \`attestation-vectors/2\`.

${table(['code', 'class', 'remedy'], codes)}
`
}

describe('SPEC.md', () => {
  test('lists every check and every code as the code has them', async () => {
    if (process.env['UPDATE_SPEC'] === '1') await writeFile(FILE, render())
    expect(await readFile(FILE, 'utf8')).toBe(render())
  })

  test('check ids are unique over all technologies', () => {
    const ids = TABLES.flatMap(([, table]) => Object.keys(table))
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('every check names what demands it', () => {
    for (const [, table] of TABLES) {
      for (const [id, spec] of Object.entries(table)) expect(spec, id).not.toBe('')
    }
  })
})
