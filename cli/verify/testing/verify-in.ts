import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '../../command.ts'
import { verifyCommand } from '../../commands/verify.ts'
import { testIo } from '../../testing/test-io.ts'
import { clock } from './forged-runner.ts'

/** A folder in which the command runs, and what it must not touch unless a test says so: the network. */
export interface Place {
  readonly folder: string
  readonly env: Record<string, string>
  write(name: string, json: unknown): Promise<string>
  read(name: string): Promise<unknown>
  /** Runs the command in process, as `cli/main.ts` does. */
  verify(...args: string[]): Promise<Outcome>
  /** URLs that it asked for. */
  readonly asked: string[]
}

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** No network: every question is noted and fails. */
export const offline: typeof fetch = async () => {
  throw new TypeError('no network here')
}

const opened: string[] = []

export async function closePlaces(): Promise<void> {
  await Promise.all(opened.splice(0).map((folder) => rm(folder, { recursive: true })))
}

export async function openPlace(network: typeof fetch = offline): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'cocoon-verify-'))
  opened.push(folder)
  const env = { COCOON_CACHE: join(folder, 'cache') }
  const asked: string[] = []
  const command = verifyCommand({
    fetch: async (input, init) => {
      asked.push(String(input))
      return network(input, init)
    },
    clock,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  })
  return {
    folder,
    env,
    asked,
    write: async (name, json) => {
      await writeFile(join(folder, name), typeof json === 'string' ? json : JSON.stringify(json))
      return name
    },
    read: async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')),
    verify: async (...args) => {
      const out: string[] = []
      const err: string[] = []
      const io = testIo({
        args,
        env,
        cwd: folder,
        out: (line) => out.push(line),
        err: (line) => err.push(line),
      })
      const code = await command.run(io).catch((cause: unknown) => {
        if (!(cause instanceof UsageError)) throw cause
        err.push(cause.message)
        return 2
      })
      return { code, out: out.join('\n'), err: err.join('\n') }
    },
  }
}
