import type { Clock } from '#base/brand.ts'

/** What a command gets from the outside world, so that tests can run it in process. */
export interface CommandIo {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly out: (line: string) => void
  readonly err: (line: string) => void
  readonly clock: Clock
  /** Resolves when the user asks the process to stop (Ctrl-C or SIGTERM). */
  readonly stopped: AbortSignal
}

/** Exit codes are part of the interface: 0 done, 1 failed or refused, 2 wrong usage, 3 only simulated. */
export const EXIT = { ok: 0, failed: 1, usage: 2, simulated: 3 } as const

export interface Command {
  readonly summary: string
  readonly usage: string
  run(io: CommandIo): Promise<number>
}

/** Wrong flags or settings: printed without a stack, with the remedy, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
