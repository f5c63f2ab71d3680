import { CodedError } from '#base/coded-error.ts'
import { ReadError } from '#base/reader.ts'

/**
 * What a launch would measure cannot be said. `bad_firmware`, `bad_kernel`: the file is not what its place asks
 * for: give another. `unsupported`: this firmware was not built for this technology, or for direct kernel boot:
 * build it with that support. `bad_machine`: a number of the machine is out of range.
 */
export type LaunchErrorCode = 'bad_firmware' | 'bad_kernel' | 'unsupported' | 'bad_machine'

export class LaunchError extends CodedError<LaunchErrorCode> {
  override readonly name = 'LaunchError'
}

/** Runs a parser so that each way of being malformed surfaces as a LaunchError. */
export function parsingFile<T>(code: LaunchErrorCode, what: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof ReadError || cause instanceof RangeError) {
      throw new LaunchError(code, `${what} is malformed`, { cause })
    }
    throw cause
  }
}
