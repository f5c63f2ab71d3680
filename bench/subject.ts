import type { LoadPlan, SealPlan } from './load.ts'

/** One way to reach the same scripted answers. */
export interface Subject {
  readonly name: string
  readonly port: number
  /** The process whose CPU counts; undefined for the upstream itself. */
  readonly pid: number | undefined
  readonly headers: Readonly<Record<string, string>>
  /** The request's body for a script. */
  readonly body: (script: string, stream: boolean) => string
  readonly path?: string
  /** Bodies are sealed by the client before the load starts. */
  readonly seal?: Omit<SealPlan, 'count'>
}

export interface Scenario {
  readonly name: string
  readonly script: string
  readonly stream: boolean
  readonly connections: number
}

export const ENDPOINT = '/v1/chat/completions'
export const PROMPT = 'Write a short story about a gateway. '.repeat(30)
/** No client of ours is faster than that here: sealed bodies are made before the load starts. */
const SEALED_PER_SECOND = 1_500

export function loadOf(
  subject: Subject,
  scenario: Scenario,
  seconds: number,
  requests?: number,
): LoadPlan {
  const { port, path = ENDPOINT, headers, seal } = subject
  const { script, stream, connections } = scenario
  const body = subject.body(script, stream)
  const plan = { port, path, headers, body, connections, seconds, requests }
  if (seal === undefined) return plan
  const count = Math.min(Math.ceil(seconds * SEALED_PER_SECOND), requests ?? Infinity)
  return { ...plan, sealed: { ...seal, count } }
}

/** For whoever is slower than that something is wrong. */
const WARM_UP_SECONDS_MAX = 120

/** So many requests and no more: compilers have seen as much of each subject, however fast it is. */
export function warmUpOf(subject: Subject, scenario: Scenario, requests: number): LoadPlan {
  return loadOf(subject, scenario, WARM_UP_SECONDS_MAX, requests)
}
