/**
 * Loaded into every process of the bench before its own code: writes once a second what its memory consists of, for
 * `readMemory`. `NODE_OPTIONS` names this file, the environment the folder.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { MEMORY_FOLDER, type ToldMemory } from './read-memory.ts'

const EVERY_MS = 1_000
const MAJOR = constants.NODE_PERFORMANCE_GC_MAJOR

const folder = process.env[MEMORY_FOLDER]
if (folder !== undefined) tell(`${folder}/${process.pid}`)

function tell(path: string): void {
  let livingBytes: number | undefined
  new PerformanceObserver((list) => {
    // Sound: entries of type `gc` carry their kind so. @see https://nodejs.org/docs/latest-v24.x/api/perf_hooks.html#performanceentrydetail
    const collections = list.getEntries() as unknown as readonly { detail: { kind: number } }[]
    if (!collections.some(({ detail }) => detail.kind === MAJOR)) return
    livingBytes = process.memoryUsage().heapUsed
  }).observe({ entryTypes: ['gc'] })
  const write = (): void => {
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
    const told: ToldMemory = { rss, heapTotal, heapUsed, external, livingBytes }
    writeFileSync(`${path}.next`, JSON.stringify(told))
    renameSync(`${path}.next`, path)
  }
  write()
  setInterval(write, EVERY_MS).unref()
}
