import { readFile, rename, writeFile } from 'node:fs/promises'
import { type Nano, nano, parseNano } from '#base/nano.ts'
import { type ChequeBook, createChequeBook, ownerFromJson } from '#client'
import { UsageError } from '../command.ts'

/** A sovereign account that this proxy signs cheques for. */
export interface AccountSettings {
  /** The file that `cocoon keys new` wrote. */
  readonly file: string
  /** Raw address of the Till that the cheques are for. */
  readonly till: string
  /** The operator's share that the owner agrees to, basis points. */
  readonly feeBps: number
}

/**
 * Opens the cheque book beside an account file: `<file>.cheques` holds what was signed so far, so that no gateway has
 * to be asked for it.
 * @throws UsageError
 */
export async function openChequeBook({ file, till, feeBps }: AccountSettings): Promise<ChequeBook> {
  const record = `${file}.cheques`
  const owner = await readAccount(file)
  const start = await readSigned(record)
  const save = async (cumulative: Nano): Promise<void> => {
    // Written beside and moved: a crash leaves the old amount or the new one.
    await writeFile(`${record}.new`, `${cumulative}\n`, { mode: 0o600 })
    await rename(`${record}.new`, record)
  }
  if (owner.mode !== 'sovereign') {
    throw new UsageError('--account takes a sovereign account; a managed one needs no cheques')
  }
  return createChequeBook({ owner, till, feeBps, start, save })
}

async function readAccount(file: string) {
  try {
    return await ownerFromJson(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    throw new UsageError(`cannot read ${file} (cocoon keys new writes it)`)
  }
}

async function readSigned(record: string): Promise<Nano> {
  let text: string
  try {
    text = await readFile(record, 'utf8')
  } catch {
    return nano(0n)
  }
  try {
    return parseNano(text.trim())
  } catch {
    throw new UsageError(
      `${record} is damaged: put the amount of your last cheque there, in nanoTON`,
    )
  }
}
