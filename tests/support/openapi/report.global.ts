import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { unexercised } from './coverage.ts'
import { readDescription } from './description.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where test files note what of `openapi.yaml` they exercised. */
    readonly openapiRecord: string | undefined
  }
}

/** One for all projects: flows on workerd exercise routes like those on Node. */
const FOLDER = 'COCOON_OPENAPI_RECORD'
/** Whose files together exercise everything. */
const WHOLE = 'node'

/**
 * A run of the whole suite fails when `openapi.yaml` promises what no test has exercised, and lists it. A run of some
 * files, or one in which a test failed, says nothing of it.
 */
export function setup(project: TestProject): (() => Promise<void>) | undefined {
  const folder = process.env[FOLDER] ?? mkdtempSync(join(tmpdir(), 'cocoon-openapi-'))
  process.env[FOLDER] = folder
  project.provide('openapiRecord', folder)
  if (project.name !== WHOLE) return undefined
  return async () => {
    const seen = new Set(
      readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n')),
    )
    rmSync(folder, { recursive: true })
    if (!(await isWhole(project))) return
    const missing = unexercised(readDescription(), seen)
    if (missing.length === 0) return
    process.stderr.write(
      `\nopenapi.yaml promises what no test has exercised:\n  ${missing.join('\n  ')}\n`,
    )
    process.exitCode = 1
  }
}

/** Whether every file of the project ran, and every test in them to its end: what fails says so itself. */
async function isWhole(project: TestProject): Promise<boolean> {
  const { vitest } = project
  if (vitest.config.testNamePattern !== undefined) return false
  const ran = vitest.state.getFiles().filter((file) => file.projectName === project.name)
  const all = await project.globTestFiles()
  const isSound = ran.every(({ result }) => result?.state === 'pass' || result?.state === 'skip')
  return ran.length >= all.testFiles.length && isSound
}
