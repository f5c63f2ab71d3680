/** Everything that goes wrong with a real provider, to be switched on by a test. Counts run down by themselves. */
export interface Faults {
  /** Answer the next N calls with 503. */
  unavailable: number
  /** Answer the next N calls with 429. */
  rateLimited: number
  /** Say "ok" to the next N sends and drop them. */
  dropSends: number
  /** Execute the next N sends, then answer 503: the caller cannot know that they went out. */
  loseReplies: number
  /** Broadcast each of the next N sends twice. */
  duplicateSends: number
  /** Show the chain as it was this many blocks ago. */
  lagBlocks: number
  /** Show the chain, and the time, as they were when this was set; null ends it. */
  stale: { readonly seqno: number; readonly time: number } | null
}

export type FaultName = Exclude<keyof Faults, 'stale'>

export const FAULT_NAMES: readonly FaultName[] = [
  'unavailable',
  'rateLimited',
  'dropSends',
  'loseReplies',
  'duplicateSends',
  'lagBlocks',
]

export function noFaults(): Faults {
  return {
    unavailable: 0,
    rateLimited: 0,
    dropSends: 0,
    loseReplies: 0,
    duplicateSends: 0,
    lagBlocks: 0,
    stale: null,
  }
}

/** Uses up one of a counted fault; false when none is left. */
export function strikes(faults: Faults, name: Exclude<FaultName, 'lagBlocks'>): boolean {
  if (faults[name] <= 0) return false
  faults[name] -= 1
  return true
}
