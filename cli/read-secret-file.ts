import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type CommandIo, UsageError } from './command.ts'

const OTHERS_MAY_READ = 0o077

/** A secret's file without surrounding space; warns when others may read it. @throws UsageError without its content */
export async function readSecretFile(io: CommandIo, file: string): Promise<string> {
  const path = resolve(io.cwd, file)
  try {
    const { mode } = await stat(path)
    if ((mode & OTHERS_MAY_READ) !== 0 && process.platform !== 'win32') {
      io.err(`warning: others may read ${file}; fix: chmod 600 ${file}`)
    }
    return (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    throw new UsageError(`cannot read ${file}`, { cause })
  }
}
