import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { HoldReport, HoldSettings } from './hold-process.ts'

/** The process that holds the streams. */
export interface Holder {
  readonly pid: number
  /** Its last word. @throws when it has ended */
  last(): Promise<HoldReport>
  /** Forgets how late chunks were before. */
  count(): void
  stop(): void
}

export function startHolder(settings: HoldSettings): Holder {
  const child: ChildProcess = fork(join(import.meta.dirname, 'hold-process.ts'))
  const stop = (): void => void child.kill('SIGKILL')
  process.once('exit', stop)
  child.once('exit', () => process.off('exit', stop))
  child.send(settings)
  let told: HoldReport | undefined
  // Sound: hold-process.ts sends this and nothing else.
  child.on('message', (message: HoldReport) => {
    told = message
  })
  return {
    pid: child.pid ?? 0,
    count: () => void child.send('count'),
    stop,
    last: async () => {
      while (told === undefined) await wait(100)
      if (child.exitCode !== null) throw new Error('the process that holds the streams has ended')
      return told
    },
  }
}

/** Most time until what was asked for is reached. */
const REACH_MS_MAX = 1_800_000

/**
 * Waits until `reached` is as much as `count`.
 * @throws when more streams fail than were asked for, or it takes for ever
 */
export async function reach(
  holder: Holder,
  what: string,
  count: number,
  reached: (report: HoldReport) => number,
): Promise<void> {
  const began = performance.now()
  for (let asked = 0; ; asked++) {
    const report = await holder.last()
    const { failed, firstFailure } = report
    const now = reached(report)
    if (now >= count) return
    if (failed > count) throw new Error(`streams fail: ${firstFailure}`)
    if (asked % 10 === 0) process.stderr.write(`${now} ${what}, ${failed} failed ${firstFailure}\n`)
    if (performance.now() - began > REACH_MS_MAX) throw new Error(`only ${now} ${what}`)
    await wait(1_000)
  }
}
