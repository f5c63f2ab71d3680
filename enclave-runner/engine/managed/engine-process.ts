import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { EngineError } from '../engine-error.ts'

/** A running engine. What it prints is dropped: it may hold prompts. */
export interface EngineProcess {
  /** Resolves when it has ended, whatever the reason. */
  readonly ended: Promise<void>
  /** Ends it and its children: asked first, then by force. */
  stop(): Promise<void>
}

const STOP_MS = 10_000

/** Finds a program in a search path. @throws EngineError */
export function findProgram(name: string, path: string): string {
  const found = path
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))
  if (found === undefined) throw new EngineError('engine_failed', `there is no program ${name}`)
  return found
}

export function startProcess(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): EngineProcess {
  // A group of its own: engines start workers.
  const child = spawn(command, args, { ...options, detached: true, stdio: 'ignore' })
  const ended = Promise.race([once(child, 'exit'), once(child, 'error')]).then(() => {
    signalGroup(child.pid, 'SIGKILL')
  })
  return {
    ended,
    async stop() {
      signalGroup(child.pid, 'SIGTERM')
      // One that was stopped ends only when it goes on.
      signalGroup(child.pid, 'SIGCONT')
      const force = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), STOP_MS)
      await ended
      clearTimeout(force)
    },
  }
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // The whole group has ended already.
  }
}
