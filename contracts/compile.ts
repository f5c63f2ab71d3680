import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runTolkCompiler } from '@ton/tolk-js'

/** What is committed of a compiled contract: a test recompiles the sources and fails on any difference. */
export interface CompiledContract {
  readonly codeBoc64: string
  /** Lower-case hex. */
  readonly codeHash: string
  readonly tolkVersion: string
}

export const CONTRACTS = ['till', 'registry'] as const

export type ReadSource = (path: string) => string

/** Reads this folder's sources; a mutation test passes its own reader. */
export const readSource: ReadSource = (path) =>
  readFileSync(join(import.meta.dirname, path), 'utf8')

export async function compileContract(
  name: (typeof CONTRACTS)[number],
  read: ReadSource = readSource,
): Promise<CompiledContract> {
  const result = await runTolkCompiler({
    entrypointFileName: `${name}.tolk`,
    fsReadCallback: (path) => read(path),
  })
  if (result.status === 'error') throw new Error(result.message)
  return {
    codeBoc64: result.codeBoc64,
    codeHash: result.codeHashHex.toLowerCase(),
    tolkVersion: result.tolkVersion,
  }
}

export function buildPath(name: string): string {
  return join(import.meta.dirname, 'build', `${name}.json`)
}

async function main(): Promise<void> {
  for (const name of CONTRACTS) {
    const compiled = await compileContract(name)
    writeFileSync(buildPath(name), `${JSON.stringify(compiled, null, 2)}\n`)
    console.log(`${name} ${compiled.codeHash}`)
  }
}

if (import.meta.main) await main()
