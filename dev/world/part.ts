import { fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'

/** How long a part may take to say that it serves. Cold starts on a busy two-core machine take seconds. */
const READY_MS_MAX = 120_000
/** A part that was asked to stop finishes its streams; then it is killed. */
const STOP_MS_MAX = 5_000

/** What a part's process says to the supervisor. */
export type PartMessage<Ready> =
  | { readonly type: 'ready'; readonly ready: Ready }
  | { readonly type: 'failed'; readonly message: string }

/** One process of the development world. */
export interface Part<Ready> {
  readonly name: string
  readonly pid: number
  readonly ready: Ready
  /** Resolves with the exit code when the process ends by itself. */
  readonly ended: Promise<number>
  stop(): Promise<void>
  /** SIGKILL, as a crash would: nothing is flushed. */
  kill(): Promise<void>
}

/** A part could not start; the message names the setting to change. */
export class PartError extends Error {
  override readonly name = 'PartError'
}

/**
 * Forks a module that calls `runPart` and waits until it serves. Its settings go over the IPC channel:
 * signing keys never stand in arguments, in the environment or on disk.
 */
export async function startPart<Settings, Ready>(options: {
  readonly name: string
  readonly module: string
  readonly settings: Settings
  /** A command that runs another one somewhere else, in a network namespace say; absent: here. */
  readonly inside?: readonly string[]
  /** A file that its output is appended to; absent: that of this process. */
  readonly output?: string
}): Promise<Part<Ready>> {
  const [execPath = process.execPath, ...execArgv] = options.inside ?? []
  const output = options.output === undefined ? 'inherit' : openSync(options.output, 'a')
  const child = fork(options.module, [], {
    execPath,
    execArgv: execArgv.length === 0 ? [] : [...execArgv, process.execPath],
    serialization: 'advanced',
    stdio: ['ignore', output, 'inherit', 'ipc'],
    // Ctrl-C reaches the whole process group; the supervisor alone decides the order of stopping.
    detached: true,
  })
  if (typeof output === 'number') closeSync(output)
  const ended = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : 1))
  const { pid } = child
  if (pid === undefined) throw new PartError(`${options.name} could not be started`)
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    if (signal === 'SIGKILL') killGroup(pid)
    else child.kill(signal)
    const timer = setTimeout(() => killGroup(pid), STOP_MS_MAX)
    await ended
    clearTimeout(timer)
  }
  const stopWithParent = (): void => killGroup(pid)
  process.once('exit', stopWithParent)
  void ended.then(() => process.off('exit', stopWithParent))
  child.send({ settings: options.settings })
  try {
    const ready = await awaitReady<Ready>(child, ended, options.name)
    return {
      name: options.name,
      pid,
      ready,
      ended,
      stop: () => end('SIGTERM'),
      kill: () => end('SIGKILL'),
    }
  } catch (error) {
    await end('SIGKILL')
    throw error
  }
}

/** A part leads a group of its own: what it started ends with it. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

function awaitReady<Ready>(
  child: ReturnType<typeof fork>,
  ended: Promise<number>,
  name: string,
): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new PartError(`${name} did not start within ${READY_MS_MAX / 1000} s`)),
      READY_MS_MAX,
    )
    void ended.then((code) =>
      reject(new PartError(`${name} ended with code ${code} before it served`)),
    )
    // Sound: the only sender is runPart below, in the module that the caller named.
    child.on('message', (message: PartMessage<Ready>) => {
      clearTimeout(timer)
      if (message.type === 'ready') resolve(message.ready)
      else reject(new PartError(`${name}: ${message.message}`))
    })
  })
}

/**
 * The other side: takes the settings, starts, reports, and stops on SIGTERM or when the supervisor is gone.
 */
export function runPart<Settings, Ready>(
  start: (settings: Settings) => Promise<{ ready: Ready; close(): Promise<void> }>,
): void {
  const send = (message: PartMessage<Ready>): void => {
    process.send?.(message)
  }
  process.once('message', async (message: { settings: Settings }) => {
    try {
      const part = await start(message.settings)
      const stop = async (): Promise<void> => {
        await part.close()
        process.exit(0)
      }
      process.once('SIGTERM', stop)
      process.once('disconnect', stop)
      send({ type: 'ready', ready: part.ready })
    } catch (error) {
      send({ type: 'failed', message: explain(error) })
      process.exitCode = 1
      process.disconnect?.()
    }
  })
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return 'failed for an unknown reason'
  return error instanceof PartError ? error.message : `${error.name}: ${error.message}`
}
