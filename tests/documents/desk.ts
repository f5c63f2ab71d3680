import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '#dev/world/ports.ts'
import { ROOT } from './typed-lines.ts'

/** Ten times what the slowest of the commands takes on a busy machine. */
const COMMAND_MS_MAX = 120_000

export interface Typed {
  readonly code: number | null
  /** Both outputs. */
  readonly said: string
}

/** A checkout in which a reader types commands, in a shell, one after another. */
export interface Desk {
  readonly folder: string
  run(command: string, env: NodeJS.ProcessEnv): Promise<Typed>
  /** Types it, waits until its output has what was expected, and interrupts it. */
  serve(command: string, env: NodeJS.ProcessEnv, expected: RegExp): Promise<Typed>
  /** Like `serve`, and leaves it running. @returns interrupts it */
  keep(command: string, env: NodeJS.ProcessEnv, expected: RegExp): Promise<() => Promise<void>>
  close(): void
}

/** What a fresh checkout does not have. */
const MADE = ['.cocoon', '.git', 'dist']

/** A folder that holds everything of this checkout but what it has made. */
export function openDesk(): Desk {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-documents-'))
  for (const name of readdirSync(ROOT).filter((entry) => !MADE.includes(entry))) {
    symlinkSync(join(ROOT, name), join(folder, name))
  }
  const programs = mkdtempSync(join(tmpdir(), 'cocoon-programs-'))
  const program = join(programs, 'cocoon')
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${ROOT}/cli/cocoon.mjs' "$@"\n`)
  chmodSync(program, 0o755)
  const begin = (command: string, env: NodeJS.ProcessEnv): Running =>
    observe(
      spawn('sh', ['-c', command], {
        cwd: folder,
        env: { ...process.env, ...env, PATH: `${programs}:${process.env['PATH']}` },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      }),
    )
  const keep: Desk['keep'] = async (command, env, expected) => {
    const running = begin(command, env)
    await running.until(expected)
    return running.interrupt
  }
  return {
    folder,
    run: async (command, env) => {
      const running = begin(command, env)
      const timer = setTimeout(() => void running.interrupt(), COMMAND_MS_MAX)
      const code = await running.ended
      clearTimeout(timer)
      return { code, said: running.said() }
    },
    serve: async (command, env, expected) => {
      const running = begin(command, env)
      await running.until(expected)
      await running.interrupt()
      return { code: await running.ended, said: running.said() }
    },
    keep,
    close: () => {
      for (const path of [folder, programs]) rmSync(path, { recursive: true, force: true })
    },
  }
}

interface Running {
  readonly ended: Promise<number | null>
  said(): string
  /** Waits for a text in the output, or for the end. */
  until(expected: RegExp): Promise<void>
  /** As Ctrl-C does: the whole group hears it. */
  interrupt(): Promise<void>
}

function observe(child: ChildProcess): Running {
  let said = ''
  let look = (): void => {}
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      look()
    })
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      resolve(code)
      look()
    })
  })
  return {
    ended,
    said: () => said,
    until: (expected) =>
      Promise.race([
        ended.then(() => {}),
        new Promise<void>((resolve) => {
          look = () => {
            if (expected.test(said)) resolve()
          }
          look()
        }),
      ]),
    interrupt: async () => {
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
      await ended
    },
  }
}

/** Settings that move a world to ports that are free now. */
export async function freePortSettings(): Promise<Record<string, string>> {
  const ports = await freePorts()
  return {
    PORT: String(ports.gateway),
    CHAIN_PORT: String(ports.chain),
    RUNNER_PORT: String(ports.runner),
    RUNNER_ORIGIN_PORT: String(ports.runnerOrigin),
    SECOND_RUNNER_ORIGIN_PORT: String(ports.secondRunnerOrigin),
  }
}
