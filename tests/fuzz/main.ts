/**
 * usage: node tests/fuzz/main.ts [--target <part of a name>] [--inputs 1000000] [--seed 1] [--share 1/1] [--fresh]
 *        node tests/fuzz/main.ts --list | --table
 *        node tests/fuzz/main.ts --target <name> --input <file>
 *
 * Runs every target, or some, with so many inputs each. A run that was cut goes on where it was (`--fresh`: from the
 * beginning); `--share 1/2` and `--share 2/2` are two processes for one run. `--table` prints what has run so far. A
 * finding is written to `.cocoon/fuzz/`, with the line that runs it again. Ends with 1 when there is one.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Finding } from './engine/findings.ts'
import { type Progress, readProgress, writeProgress } from './engine/progress.ts'
import { runTarget } from './engine/run-target.ts'
import { openScout } from './engine/scout.ts'
import type { FuzzTarget } from './engine/target.ts'
import { outcomeOf } from './engine/trial.ts'
import { startWatchdog } from './engine/watchdog.ts'
import { allTargets } from './targets/index.ts'

const { values } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
    target: { type: 'string', default: '' },
    inputs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    share: { type: 'string', default: '1/1' },
    fresh: { type: 'boolean', default: false },
    input: { type: 'string' },
  },
})
const FOLDER = '.cocoon/fuzz'
const PROGRESS = join(FOLDER, 'progress')
/** Looked at with block coverage, most often fewer; the rest runs at full speed from what these found. */
const MOST_GUIDED = 50_000

const wanted = (await allTargets()).filter(({ name }) => name.includes(values.target))
if (values.list) {
  for (const { name, file, inputs } of wanted) print(`${name}\t${file}\t${inputs}`)
} else if (values.table) {
  for (const target of wanted) print(rowOf(target, readProgress(PROGRESS, target.name)))
} else {
  const found = values.input === undefined ? await runAll() : await runOne(values.input)
  process.exitCode = found === 0 ? 0 : 1
}

async function runAll(): Promise<number> {
  const [nth = 1, of = 1] = values.share.split('/').map(Number)
  const watchdog = startWatchdog(FOLDER)
  const scout = openScout(watchdog.watched)
  let found = 0
  for (const target of wanted.filter((_, at) => at % of === nth - 1)) {
    const before = values.fresh ? undefined : readProgress(PROGRESS, target.name)
    const progress = await runTarget(target, {
      inputs: Number(values.inputs ?? target.inputs),
      seed: Number(values.seed),
      guided: MOST_GUIDED,
      scout,
      from: before,
      onInput: (input) => watchdog.note(target.name, input),
      onProgress: (reached) => writeProgress(PROGRESS, reached),
    })
    print(rowOf(target, progress))
    for (const [at, finding] of progress.findings.entries()) report(target, finding, at)
    found += progress.findings.length
  }
  await scout.close()
  await watchdog.close()
  return found
}

/** One input again, as a finding's line asks for. */
async function runOne(file: string): Promise<number> {
  const input = new Uint8Array(readFileSync(file))
  let found = 0
  for (const target of wanted) {
    const { accepted, why } = await outcomeOf(target, input)
    print(`${target.name}: ${why ?? (accepted ? 'taken' : 'refused')}`)
    if (why !== undefined) found++
  }
  return found
}

function rowOf({ name, file }: FuzzTarget, progress: Progress | undefined): string {
  if (progress === undefined) return `| ${name} | \`${file}\` | 0 | | | | | |`
  const { ran, accepted, kept, lit, processorSeconds, findings } = progress
  const taken = ((100 * accepted) / ran).toFixed(1)
  const micros = ((1e6 * processorSeconds) / ran).toFixed(0)
  return `| ${name} | \`${file}\` | ${ran.toLocaleString('en')} | ${taken} % | ${kept.length} | ${lit} | ${micros} | ${findings.length} |`
}

function report({ name }: FuzzTarget, { why, input }: Finding, at: number): void {
  mkdirSync(FOLDER, { recursive: true })
  const file = join(FOLDER, `${name.replaceAll(/[^a-z0-9]+/gi, '-')}-${at}.bin`)
  writeFileSync(file, input)
  print(`FINDING ${name}: ${why}\n  node tests/fuzz/main.ts --target '${name}' --input ${file}`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
