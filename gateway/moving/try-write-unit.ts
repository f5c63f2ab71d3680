import { MovingError, type MovingErrorCode } from './write-unit.ts'

/** What became of a unit, as it goes between objects: an error would come with its message alone. */
export type UnitOutcome =
  | { readonly ok: true; readonly written: boolean }
  | { readonly ok: false; readonly code: MovingErrorCode; readonly message: string }

/** @param write as `writeUnit` does @throws what is no MovingError */
export function tryWriteUnit(write: () => boolean): UnitOutcome {
  try {
    return { ok: true, written: write() }
  } catch (error) {
    if (!(error instanceof MovingError)) throw error
    return { ok: false, code: error.code, message: error.message }
  }
}
