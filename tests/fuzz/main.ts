/**
 * usage: node tests/fuzz/main.ts [--list] [--target <part of a name>] [--inputs 1000000] [--seed 1]
 *        node tests/fuzz/main.ts --target <name> --input <file>
 *
 * Runs every target, or some, with so many inputs each, and prints a row of the README's table for each. A finding is
 * written to `.cocoon/fuzz/`, with the line that runs it again. Ends with 1 when there is one.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Finding, fuzz } from './engine/fuzz.ts'
import type { FuzzTarget } from './engine/target.ts'
import { startWatchdog } from './engine/watchdog.ts'
import { allTargets } from './targets/index.ts'

const { values } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    target: { type: 'string', default: '' },
    inputs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    input: { type: 'string' },
  },
})
const FOLDER = '.cocoon/fuzz'
/** Looked at with block coverage; the rest runs at full speed from what these found. */
const GUIDED_SHARE = 0.1
const MOST_GUIDED = 50_000

const wanted = (await allTargets()).filter(({ name }) => name.includes(values.target))
const seed = Number(values.seed)
let found = 0
if (values.list) {
  for (const { name, file, inputs } of wanted) print(`${name}\t${file}\t${inputs}`)
} else if (values.input === undefined) {
  const watchdog = startWatchdog(FOLDER)
  for (const target of wanted) found += await runTarget(target)
  await watchdog.close()

  async function runTarget(target: FuzzTarget): Promise<number> {
    const inputs = Number(values.inputs ?? target.inputs)
    const guided = Math.min(MOST_GUIDED, Math.floor(inputs * GUIDED_SHARE))
    const began = performance.now()
    const { accepted, findings, kept, blocks } = await fuzz(target, {
      inputs,
      seed,
      guided,
      onInput: (input) => watchdog.note(target.name, input),
    })
    const seconds = (performance.now() - began) / 1_000
    print(
      `| ${target.name} | \`${target.file}\` | ${inputs.toLocaleString('en')} | ${((accepted / inputs) * 100).toFixed(1)} % | ${kept} | ${blocks} | ${(inputs / seconds / 1_000).toFixed(1)} | ${findings.length} |`,
    )
    for (const [i, finding] of findings.entries()) report(target, finding, i)
    return findings.length
  }
} else {
  const input = new Uint8Array(readFileSync(values.input))
  for (const target of wanted) {
    const { findings } = await fuzz({ ...target, corpus: [input] }, { inputs: 0, seed, guided: 0 })
    for (const { why } of findings) print(`${target.name}: ${why}`)
    if (findings.length === 0) print(`${target.name}: taken`)
    found += findings.length
  }
}
process.exitCode = found === 0 ? 0 : 1

function report({ name }: FuzzTarget, { why, input }: Finding, at: number): void {
  mkdirSync(FOLDER, { recursive: true })
  const file = join(FOLDER, `${name.replaceAll(/[^a-z0-9]+/gi, '-')}-${at}.bin`)
  writeFileSync(file, input)
  print(`FINDING ${name}: ${why}\n  node tests/fuzz/main.ts --target '${name}' --input ${file}`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
