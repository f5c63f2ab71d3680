import { randomBytes } from 'node:crypto'
import { type Bytes, copyBytes, utf8 } from '#base/bytes.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import type { Allowance } from '../allowance.ts'
import type { Provider } from '../crypto.ts'
import type { HeadInput } from '../head.ts'
import { newRequestId } from '../ids.ts'
import { nodeProvider } from '../node.ts'
import type { RequestFacts, RunnerKeys } from '../open-request.ts'
import type { UnsignedReceipt } from '../receipt.ts'
import { ReplayGuard } from '../replay.ts'
import { SessionTable } from '../session-table.ts'
import { generateSealingKey, type SealingKey, type SuiteName } from '../suite.ts'

/** Values that the tests of this folder share. Times are unix seconds around `NOW`. */
export const NOW = 1_800_000_000
export const PATH = '/v1/chat/completions'
export const MODEL = 'demo-1m'
export const SESSION_ID = 'ab'.repeat(32)
export const PAYEE = `0:${'11'.repeat(32)}`
export const SUITE_NAMES: readonly SuiteName[] = ['ehbp-x25519', 'ehbp-mlkem768-x25519']
export const BODY: Bytes = utf8(
  JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hi' }] }),
)

export const random = (length: number): Bytes => copyBytes(randomBytes(length))

export function headInput(changes: Partial<HeadInput> = {}): HeadInput {
  return {
    path: PATH,
    model: MODEL,
    session: SESSION_ID,
    maxCost: nano(1_000_000n),
    notAfter: NOW + 60,
    ...changes,
  }
}

export function facts(changes: Partial<RequestFacts> = {}): RequestFacts {
  return {
    path: PATH,
    model: MODEL,
    session: SESSION_ID,
    attempt: 1,
    maxCost: nano(1_000n),
    now: NOW,
    ...changes,
  }
}

/** A runner's keyset: both suites, an empty replay guard, no sessions. */
export async function runnerKeys(
  options: { provider?: Provider; capacity?: number } = {},
): Promise<RunnerKeys & { readonly sealing: Readonly<Record<SuiteName, SealingKey>> }> {
  const { suites } = options.provider ?? nodeProvider
  const guard = new ReplayGuard(options.capacity)
  return {
    sealing: {
      'ehbp-x25519': await generateSealingKey(suites['ehbp-x25519']),
      'ehbp-mlkem768-x25519': await generateSealingKey(suites['ehbp-mlkem768-x25519']),
    },
    guard,
    sessions: new SessionTable(guard),
  }
}

export const PRICE = {
  input: nanoPerMillion(100_000n),
  cached: nanoPerMillion(10_000n),
  output: nanoPerMillion(300_000n),
}

export function allowance(changes: Partial<Allowance> = {}): Allowance {
  return {
    request: newRequestId(random),
    attempt: 1,
    session: SESSION_ID,
    enc: '00'.repeat(32),
    max_prompt_tokens: 1000,
    max_completion_tokens: 1000,
    price: PRICE,
    max_cost: nano(1_000n),
    expires: NOW + 60,
    ref: 'b3BhcXVl',
    ...changes,
  }
}

const HASH = `sha256:${'cd'.repeat(32)}`

/** A receipt whose numbers agree: 10 fresh and 5 cached prompt tokens, 20 completion tokens. */
export function unsignedReceipt(keysetDigest: string, request: string): UnsignedReceipt {
  return {
    receipt_id: request,
    chat_id: 'chatcmpl-1',
    model: MODEL,
    workload_keyset_digest: keysetDigest,
    endpoint: PATH,
    served_at: NOW,
    event_log: [
      { type: 'request.received', body_hash: HASH },
      {
        type: 'usage.metered',
        request,
        attempt: 1,
        prompt_tokens: 15,
        cached_tokens: 5,
        completion_tokens: 20,
        reasoning_tokens: 0,
        stop_reason: 'normal',
        price: PRICE,
        // ceil((10 * 100000 + 5 * 10000 + 20 * 300000) / 10^6) = ceil(7.05)
        cost: nano(8n),
        payee: PAYEE,
      },
      {
        type: 'plaintext.committed',
        algo: 'hmac-sha256',
        request: '01'.repeat(32),
        response: '02'.repeat(32),
      },
      { type: 'response.returned', body_hash: HASH },
    ],
  }
}

/** Runs `work` and returns the code of the ProtocolError that it must throw. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code)
    throw error
  }
  return 'no error'
}

/** The bytes in pieces of the given sizes, the rest last. */
export function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const parts: Uint8Array[] = []
  let at = 0
  for (const size of sizes) {
    parts.push(bytes.subarray(at, at + size))
    at += size
  }
  return [...parts, bytes.subarray(at)].filter((part) => part.length > 0)
}
