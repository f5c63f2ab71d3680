import { fromUtf8 } from '#base/bytes.ts'
import { readBounded } from '#base/read-bounded.ts'
import { UsageError } from './command.ts'

const MAX_BYTES = 8 * 1_048_576

/** A gateway's JSON, which may be anybody's. @throws UsageError when it is too long; SyntaxError, RangeError */
export async function readJson(response: Response): Promise<unknown> {
  return JSON.parse(await readText(response))
}

/** The same for what is no JSON. @throws UsageError when it is too long; RangeError */
export async function readText(response: Response): Promise<string> {
  const bytes = await readBounded(response, MAX_BYTES)
  if (bytes === undefined) throw new UsageError('the gateway’s answer is larger than 8 MiB')
  return fromUtf8(bytes)
}
