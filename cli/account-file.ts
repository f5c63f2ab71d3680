import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type AccountOwner, ownerFromJson } from '#client'
import { type CommandIo, UsageError } from './command.ts'

/** The file that `cocoon keys new` wrote. @throws UsageError */
export async function readOwner(
  io: Pick<CommandIo, 'cwd'>,
  file: string | undefined,
): Promise<AccountOwner> {
  if (file === undefined) throw new UsageError('the account’s FILE is missing')
  try {
    return await ownerFromJson(JSON.parse(await readFile(resolve(io.cwd, file), 'utf8')))
  } catch (cause) {
    throw new UsageError(`cannot read ${file} (cocoon keys new writes such a file)`, { cause })
  }
}
