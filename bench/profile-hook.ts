/**
 * Loaded into every process of a bench's world by `--import`: SIGUSR2 starts a CPU profile of its main thread, and a second
 * one ends it and writes it to `$COCOON_BENCH_PROFILES/<pid>.cpuprofile`. Never loaded by the product.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'

const SAMPLE_US = 200
const folder = process.env['COCOON_BENCH_PROFILES'] ?? '.'
const path = join(folder, `${process.pid}.cpuprofile`)
let session: Session | undefined

process.on('SIGUSR2', () => {
  if (session === undefined) session = begin()
  else {
    end(session)
    session = undefined
  }
})

function begin(): Session {
  const begun = new Session()
  begun.connect()
  begun.post('Profiler.enable')
  begun.post('Profiler.setSamplingInterval', { interval: SAMPLE_US })
  begun.post('Profiler.start')
  return begun
}

function end(running: Session): void {
  running.post('Profiler.stop', (error, stopped) => {
    running.disconnect()
    if (error !== null) throw error
    writeFileSync(`${path}.part`, JSON.stringify(stopped.profile))
    renameSync(`${path}.part`, path)
  })
}
