import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Command, UsageError } from '../command.ts'
import { testIo } from './test-io.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A folder in which commands run as a user would run them, with this environment and no other. */
export interface Desk {
  readonly folder: string
  run(command: Command, line: string, env?: Readonly<Record<string, string>>): Promise<Ran>
  close(): void
}

export function openDesk(): Desk {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-cli-'))
  return {
    folder,
    async run(command, line, env = {}) {
      const [out, err]: [string[], string[]] = [[], []]
      const io = testIo({
        args: line.split(' ').filter((part) => part !== ''),
        env,
        cwd: folder,
        out: (text) => out.push(text),
        err: (text) => err.push(text),
      })
      try {
        const code = await command.run(io)
        return { code, out: out.join('\n'), err: err.join('\n') }
      } catch (error) {
        // What `cli/main.ts` does with it.
        if (!(error instanceof UsageError)) throw error
        return { code: 2, out: out.join('\n'), err: error.message }
      }
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}
