import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { LoadPlan, LoadResult } from './load.ts'

/** Linux counts CPU in ticks of 10 ms (`getconf CLK_TCK` is 100 on every supported platform). */
const TICK_MS = 10
const READY_MS_MAX = 30_000

/** CPU time of one process in milliseconds, user and system. @see proc(5), /proc/pid/stat fields 14 and 15 */
export function cpuMs(pid: number): number {
  return cpuMsIn(`/proc/${pid}/stat`)
}

/** The same of its first thread alone: where Node runs its event loop. */
export function mainThreadMs(pid: number): number {
  return cpuMsIn(`/proc/${pid}/task/${pid}/stat`)
}

function cpuMsIn(path: string): number {
  const fields = readFileSync(path, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** Resident memory of one process in KiB. */
export function residentKib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
}

export interface Child {
  readonly pid: number
  stop(): Promise<void>
}

/** Starts a script that prints `ready` when it listens. */
export async function startChild(
  command: string,
  args: readonly string[],
  options: { ready?: RegExp } = {},
): Promise<Child> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await waitFor(child, options.ready ?? /ready/)
  const { pid } = child
  if (pid === undefined) throw new Error(`${command} did not start`)
  return {
    pid,
    stop: async () => {
      if (child.exitCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

async function waitFor(child: ChildProcess, ready: RegExp): Promise<void> {
  let printed = ''
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error('a bench process did not become ready')),
      READY_MS_MAX,
    )
    child.once('exit', (code) => reject(new Error(`a bench process ended with ${code}`)))
    child.stdout?.on('data', (data: Buffer) => {
      printed += data.toString()
      if (!ready.test(printed)) return
      clearTimeout(timer)
      resolve()
    })
  })
}

const IDLE_MS = 3_000

/** CPU of a process that nobody asks anything, in milliseconds a second. */
export async function idleMsPerSecond(pid: number): Promise<number> {
  const before = cpuMs(pid)
  await new Promise((next) => setTimeout(next, IDLE_MS))
  return ((cpuMs(pid) - before) * 1_000) / IDLE_MS
}

export interface Measured extends LoadResult {
  /** CPU of the measured process while the load ran, in microseconds per finished request. */
  readonly cpuUsPerRequest: number
  readonly cpuUsPerChunk: number
  readonly residentKib: number
}

/** Runners gather receipts this long: those of the last requests are part of what requests cost. */
const LAST_RECEIPTS_MS = 300

/** Runs a load against a process and reads that process's CPU when it begins and when it has ended. */
export async function measure(plan: LoadPlan, pid: number | undefined): Promise<Measured> {
  let before: number | undefined
  const load = spawn(process.execPath, ['bench/load.ts', JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  let peakKib = 0
  load.stdout.on('data', (data: Buffer) => {
    printed += data.toString()
    // Sealing bodies beforehand takes seconds, in which the process does what it does in any second.
    if (pid !== undefined) before ??= cpuMs(pid)
  })
  const watch = setInterval(() => {
    if (pid !== undefined) peakKib = Math.max(peakKib, residentKib(pid))
  }, 100)
  await once(load, 'close')
  clearInterval(watch)
  await new Promise((next) => setTimeout(next, LAST_RECEIPTS_MS))
  // Sound: after its first line bench/load.ts prints this type and nothing else.
  const result = JSON.parse(printed.slice(printed.indexOf('\n'))) as LoadResult
  const cpuUs = pid === undefined || before === undefined ? 0 : (cpuMs(pid) - before) * 1000
  return {
    ...result,
    cpuUsPerRequest: cpuUs / Math.max(1, result.requests),
    cpuUsPerChunk: cpuUs / Math.max(1, result.chunks),
    residentKib: peakKib,
  }
}
