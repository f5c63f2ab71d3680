/**
 * Why a request came to nothing at a runner. `unreachable`: no connection. `cut`: it broke off. `timeout`: silent, or at it for
 * too long. `endless`: more than an answer can have. `not_authentic`: an answer that is not its own, or not one to pass
 * on. `engine_error`: it says so itself, inside the seal. `request_refused`: it did not open the request.
 * `receipt_refused`: what it signed for the answer is not true.
 */
export const FAULTS = [
  'unreachable',
  'cut',
  'timeout',
  'endless',
  'not_authentic',
  'engine_error',
  'request_refused',
  'receipt_refused',
] as const
export type FaultCode = (typeof FAULTS)[number]

/** What became of a runner's requests since the last time that somebody wrote it down. */
export interface Tally {
  answered: number
  readonly faults: Map<FaultCode, number>
}

export function newTally(): Tally {
  return { answered: 0, faults: new Map() }
}

export function countFault({ faults }: Tally, code: FaultCode): void {
  faults.set(code, (faults.get(code) ?? 0) + 1)
}

/** Failures of an attempt, as the relay names them. */
export const FAULT_OF = {
  refused: 'unreachable',
  full: 'unreachable',
  unsafe: 'unreachable',
  broken: 'cut',
  timeout: 'timeout',
  endless: 'endless',
  unauthentic: 'not_authentic',
  misbehaved: 'not_authentic',
} as const satisfies Readonly<Record<string, FaultCode>>
