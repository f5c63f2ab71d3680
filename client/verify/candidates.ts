import type { Random } from '#base/brand.ts'
import { type NanoPerMillion, nanoPerMillion, parseNano } from '#base/nano.ts'
import { ClientError } from '../errors.ts'
import { getJson, type HttpDeps, member, textMember } from '../http.ts'

/** A runner as the gateway offers it: nothing of it is believed. */
export interface Candidate {
  readonly id: string
  readonly model: string
  readonly sessionId: string
  readonly available: boolean
  /** Undefined when the gateway names no price: then only `maxCost` bounds the bill. */
  readonly price: OfferedPrice | undefined
  readonly maxOutputTokens: number | undefined
  /** Undefined when it does not say what it serves. */
  readonly endpoints: readonly unknown[] | undefined
}

export interface OfferedPrice {
  readonly input: NanoPerMillion
  readonly cached: NanoPerMillion
  readonly output: NanoPerMillion
}

const MAX_CANDIDATES = 1_000
const RUNNER_ID = /^run_[0-9a-z]{1,60}$/
const SESSION_ID = /^[0-9a-f]{64}$/
const MODEL = /^[\x21-\x7e]{1,200}$/

/** The runners that this gateway offers. Entries that are not ours to understand are left out. */
export async function fetchCandidates(deps: HttpDeps, origin: string): Promise<Candidate[]> {
  const data = member(await getJson(deps, `${origin}/v1/runners`), 'data')
  if (!Array.isArray(data)) {
    throw new ClientError('gateway_misbehaved', 'The answer of GET /v1/runners is no list')
  }
  return data.slice(0, MAX_CANDIDATES).flatMap((entry: unknown) => {
    const candidate = readCandidate(entry)
    return candidate === undefined ? [] : [candidate]
  })
}

function readCandidate(entry: unknown): Candidate | undefined {
  const id = textMember(entry, 'id') ?? ''
  const model = textMember(entry, 'model') ?? ''
  const sessionId = textMember(entry, 'session_id') ?? ''
  if (!RUNNER_ID.test(id) || !MODEL.test(model) || !SESSION_ID.test(sessionId)) return undefined
  const most = member(entry, 'max_output_tokens')
  const endpoints: unknown = member(entry, 'endpoints')
  return {
    id,
    model,
    sessionId,
    available: member(entry, 'available') !== false,
    price: readPrice(member(entry, 'pricing')),
    maxOutputTokens: Number.isSafeInteger(most) ? Number(most) : undefined,
    endpoints: Array.isArray(endpoints) ? endpoints : undefined,
  }
}

function readPrice(pricing: unknown): OfferedPrice | undefined {
  const price = (kind: string): NanoPerMillion =>
    nanoPerMillion(parseNano(textMember(pricing, `${kind}_nano_per_million`) ?? ''))
  try {
    return { input: price('input'), cached: price('cached'), output: price('output') }
  } catch {
    return undefined
  }
}

/** A copy in random order: the gateway's own order must not decide whom the client asks first (H12). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = randomBelow(i + 1, random)
    const a = result[i]
    const b = result[j]
    if (a === undefined || b === undefined) continue
    result[i] = b
    result[j] = a
  }
  return result
}

/** Uniform in 0 … limit − 1, without modulo bias. */
export function randomBelow(limit: number, random: Random): number {
  const ceiling = Math.floor(0x1_0000_0000 / limit) * limit
  for (;;) {
    const bytes = random(4)
    const value = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
    if (value < ceiling) return value % limit
  }
}
