import { type Bytes, fromUtf8 } from '#base/bytes.ts'
import { readBounded } from '#base/read-bounded.ts'
import { MoneyError } from './errors.ts'

const TIMEOUT_MS = 15_000
/** A page of 99 transactions takes far less. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
const TRIES = 5
const FIRST_DELAY_MS = 250

export interface JsonRpcOptions {
  /** Toncenter's v2 JSON-RPC. */
  readonly endpoint: string
  readonly apiKey?: string
  readonly fetch: typeof fetch
  readonly wait: (ms: number) => Promise<void>
  /** 0 to 1, for the jitter of retries. */
  readonly chance: () => number
  /** Calls a second, below the plan's limit. */
  readonly callsPerSecond: number
}

export interface JsonRpc {
  /** Retries what may succeed later. @throws MoneyError */
  call(method: string, params: object): Promise<unknown>
  /** One try: for what must not be repeated without looking. @throws MoneyError */
  callOnce(method: string, params: object): Promise<unknown>
}

export function openJsonRpc(options: JsonRpcOptions): JsonRpc {
  const turn = pace(options)
  const callOnce = async (method: string, params: object): Promise<unknown> => {
    await turn()
    return post(options, method, params)
  }
  return {
    callOnce,
    async call(method, params) {
      for (let tries = 1; ; tries++) {
        try {
          return await callOnce(method, params)
        } catch (error) {
          const passes = error instanceof MoneyError && PASSING.has(error.code)
          if (!passes || tries === TRIES) throw error
          await options.wait(FIRST_DELAY_MS * 2 ** tries * (0.5 + options.chance()))
        }
      }
    },
  }
}

const PASSING: ReadonlySet<string> = new Set(['unavailable', 'rate_limited'])

/** Spreads calls evenly: each waits for the one before it and the interval. */
function pace({ callsPerSecond, wait }: JsonRpcOptions): () => Promise<void> {
  const interval = 1000 / callsPerSecond
  let last = Promise.resolve()
  return () => {
    const mine = last
    last = mine.then(() => wait(interval))
    return mine
  }
}

async function post(options: JsonRpcOptions, method: string, params: object): Promise<unknown> {
  const { endpoint, apiKey } = options
  let response: Response
  let bytes: Bytes | undefined
  try {
    response = await options.fetch(endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }),
      },
      body: JSON.stringify({ id: '1', jsonrpc: '2.0', method, params }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    bytes = await readBounded(response, MAX_ANSWER_BYTES)
  } catch (cause) {
    throw new MoneyError('unavailable', `${method}: no answer`, { cause })
  }
  if (response.status === 429) throw new MoneyError('rate_limited', `${method}: too many calls`)
  if (!response.ok) throw new MoneyError('unavailable', `${method}: status ${response.status}`)
  return resultOf(method, bytes)
}

function resultOf(method: string, bytes: Bytes | undefined): unknown {
  if (bytes === undefined) throw new MoneyError('bad_answer', `${method}: too long`)
  let answer: unknown
  try {
    answer = JSON.parse(fromUtf8(bytes))
  } catch (cause) {
    throw new MoneyError('bad_answer', `${method}: not JSON`, { cause })
  }
  if (typeof answer !== 'object' || answer === null || !('ok' in answer) || !('result' in answer)) {
    throw new MoneyError('bad_answer', `${method}: not toncenter's envelope`)
  }
  if (answer.ok !== true) throw new MoneyError('unavailable', `${method}: not ok`)
  return answer.result
}
