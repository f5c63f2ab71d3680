import { unixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import { type Json, jcs } from '#base/jcs.ts'
import { digestOf } from '../digest.ts'
import { AttestationError, demand } from '../errors.ts'
import { decodeFile } from './decode.ts'
import { parseClock, parseManifest } from './manifest.ts'
import { runNrasVector } from './nras.ts'
import { runNvidiaVector } from './nvidia.ts'
import { runSevVector } from './sev.ts'
import { runTdxVector } from './tdx.ts'
import {
  type Vector,
  type VectorInput,
  type VectorResult,
  type VectorRunner,
  VectorSkipped,
} from './vector.ts'

/** Technology → runner through the public entry points. */
const RUNNERS: Readonly<Record<string, VectorRunner>> = Object.assign(Object.create(null), {
  'sev-snp': runSevVector,
  tdx: runTdxVector,
  sgx: runTdxVector,
  nvidia: runNvidiaVector,
  nras: runNrasVector,
} satisfies Record<string, VectorRunner>)

export interface VectorOutcome {
  readonly id: string
  readonly technology: string
  readonly status: 'passed' | 'failed' | 'skipped'
  /** "valid", or "invalid (policy-debug, …)". */
  readonly expected: string
  readonly got: string
  /** What differs, or why it was skipped; empty when passed. */
  readonly detail: string
}

export interface VectorTotals {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/**
 * Runs a folder of vectors: each file is read by `readFile` (path relative to the folder), checked against
 * the manifest's digest, decoded as the manifest says, and judged. Nothing is guessed from file names.
 */
export async function* runVectors(
  manifest: unknown,
  readFile: (path: string) => Promise<Bytes>,
): AsyncGenerator<VectorOutcome> {
  const { vectors, sha256 } = parseManifest(manifest)
  for (const vector of vectors) {
    yield await runOne(vector, (path) => readChecked(path, sha256[path], readFile))
  }
}

export function totalOf(outcomes: readonly VectorOutcome[]): VectorTotals {
  const count = (status: VectorOutcome['status']): number =>
    outcomes.filter((outcome) => outcome.status === status).length
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') }
}

async function readChecked(
  path: string,
  digest: string | undefined,
  readFile: (path: string) => Promise<Bytes>,
): Promise<Bytes> {
  const inside = !path.startsWith('/') && !path.split('/').includes('..')
  demand(inside, 'parse', 'a vector names a file outside its folder')
  const bytes = await readFile(path)
  if (digest === undefined) return bytes
  const actual = hex(await digestOf('SHA-256', bytes))
  demand(actual === digest, 'parse', `${path} is not the file of the manifest`)
  return bytes
}

type ReadFile = (path: string) => Promise<Bytes>

async function runOne(vector: Vector, readFile: ReadFile): Promise<VectorOutcome> {
  const { id, technology, verdict, reject } = vector
  const expected = reject === null ? verdict : `${verdict} (${reject.join(', ')})`
  const outcome = { id, technology, expected }
  const runner = RUNNERS[technology]
  if (runner === undefined) return skip(outcome, `no verifier for ${technology}`)
  if (verdict === 'data') return skip(outcome, 'reference data, no verdict')
  try {
    const input = await loadVector(vector, readFile)
    const result = await runner(input)
    const detail = [...differences(vector, result), ...(await underPinned(input, runner))].join(
      '; ',
    )
    return { ...outcome, status: detail === '' ? 'passed' : 'failed', got: textOf(result), detail }
  } catch (cause) {
    if (cause instanceof VectorSkipped) return skip(outcome, cause.message)
    const message = cause instanceof AttestationError ? cause.message : `error ${String(cause)}`
    return { ...outcome, status: 'failed', got: 'error', detail: message }
  }
}

function skip(
  outcome: Pick<VectorOutcome, 'id' | 'technology' | 'expected'>,
  detail: string,
): VectorOutcome {
  return { ...outcome, status: 'skipped', got: 'none', detail }
}

/** A vector with its files read and decoded. */
export async function loadVector(vector: Vector, readFile: ReadFile): Promise<VectorInput> {
  const files = new Map<string, Bytes>()
  for (const key of Object.keys(vector.roles)) {
    const [path = ''] = key.split('#')
    files.set(key, await decodeFile(await readFile(path), vector.encoding[key]))
  }
  const file = (key: string): Bytes => {
    const bytes = files.get(key)
    demand(bytes !== undefined, 'parse', `the vector has no file ${key}`)
    return bytes
  }
  const roles = (role: string): readonly Bytes[] =>
    [...files].filter(([key]) => vector.roles[key] === role).map(([, bytes]) => bytes)
  return {
    vector,
    now: vector.clock === null ? undefined : unixSeconds(parseClock(vector.clock)),
    role: (role) => roles(role)[0],
    roles,
    file,
    anchor: vector.anchors === 'pinned' ? undefined : file(vector.anchors),
    waived: (check) => vector.waive.includes(check),
  }
}

/** Evidence under a test root must be refused under the pinned ones. */
async function underPinned(input: VectorInput, runner: VectorRunner): Promise<string[]> {
  if (input.vector.roles[input.vector.anchors] !== 'test_root') return []
  const { verdict } = await runner({ ...input, anchor: undefined })
  return verdict === 'invalid' ? [] : ['accepted under the pinned anchors']
}

function differences(vector: Vector, result: VectorResult): string[] {
  const found: string[] = []
  if (result.verdict !== vector.verdict) found.push(`verdict is ${result.verdict}`)
  const { reject } = vector
  if (reject !== null && !reject.some((name) => result.classes.includes(name))) {
    found.push(`none of ${reject.join(', ')} among the failures`)
  }
  for (const [key, value] of Object.entries(vector.expect)) {
    const fact = result.facts[key]
    // Sound: built from JSON values.
    if (!agrees(fact, value)) found.push(`${key} is ${jcs(fact as Json)}`)
  }
  return found
}

/** Whether a fact says the same as the manifest, wherever both say something. */
function agrees(fact: unknown, expected: unknown): boolean {
  if (fact === undefined || expected === undefined) return true
  if (Array.isArray(fact) && Array.isArray(expected)) {
    return fact.length === expected.length && fact.every((item, i) => agrees(item, expected[i]))
  }
  if (isObject(fact) && isObject(expected)) {
    return Object.entries(expected).every(([key, value]) => agrees(fact[key], value))
  }
  // Sound: both come out of JSON or are built from JSON values.
  return jcs(fact as Json) === jcs(expected as Json)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf({ verdict, classes }: VectorResult): string {
  return classes.length === 0 ? verdict : `${verdict} (${classes.join(', ')})`
}
