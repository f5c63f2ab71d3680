import type { CommandIo } from '../command.ts'
import { systemClock } from '../system-clock.ts'

/** A command's outside world: nobody listens, nobody stops it, and what is given stands instead. */
export function testIo(given: Partial<CommandIo> = {}): CommandIo {
  return {
    args: [],
    env: {},
    cwd: '/',
    out: () => {},
    err: () => {},
    clock: systemClock,
    stopped: new AbortController().signal,
    ...given,
  }
}
