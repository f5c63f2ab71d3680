import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type ReadSource, readSource } from '../compile.ts'

/** One source with one check taken out. */
export interface Mutant {
  readonly name: string
  readonly read: ReadSource
}

/** The checks: every `assert`, and every guard that refuses a deposit or leaves early. */
const CHECKS = [
  /^\s*assert \(.*\) throw Err\.\w+;$/,
  /^\s*(?:\w+\.)?assert[A-Z]\w+\(.*\);$/,
  /^\s*if \(.*\) \{ return(?: self\.refuse\(.*\)| 0| false| -1)?; \}$/,
  /^\s*if \(.*\) \{ amount = .* \}$/,
]

/** Statements that keep the books or limits; without one the contract still compiles. */
const EFFECTS = [
  /^\s*(?:self|store)\.(?:mature)\(.*\);$/,
  /^\s*(?:self|store|account|control|roles)\.\w+(?:!\.\w+)? (?:\+|-)?= .*;$/,
  /^\s*(?:self|store)\.\w+\.(?:set|delete)\(.*\);$/,
]

/** Every mutant of one contract: the same sources with one matching line left out. */
export function mutants(name: 'till' | 'registry'): readonly Mutant[] {
  const root = join(import.meta.dirname, '..')
  const files = [
    `${name}.tolk`,
    ...readdirSync(join(root, name))
      .filter((file) => file.endsWith('.tolk'))
      .map((file) => `${name}/${file}`),
  ]
  return files.flatMap((file) => mutantsOf(file))
}

function mutantsOf(file: string): readonly Mutant[] {
  const lines = readSource(file).split('\n')
  return lines.flatMap((line, index): Mutant[] => {
    if (![...CHECKS, ...EFFECTS].some((pattern) => pattern.test(line))) return []
    const without = lines.with(index, '').join('\n')
    return [
      {
        name: `${file}:${index + 1} without: ${line.trim()}`,
        read: (path) => (path.endsWith(file) ? without : readSource(path)),
      },
    ]
  })
}
