import { textMember } from '#base/members.ts'
import type { Connection, VerifiedReceipt } from '../lib/connection.ts'
import { readEvents } from '../lib/events.ts'
import { messageOf, Refused } from '../lib/gateway.ts'

/** One question and its answer, as far as it has come. */
export interface Turn {
  readonly id: number
  readonly question: string
  readonly answer: string
  readonly state: 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed'
  /** Why it failed, for a person. */
  readonly problem?: string
  readonly code?: string
  /** What the answer's own receipt, signed inside the enclave, was checked to say. */
  readonly receipt?: VerifiedReceipt
  readonly label?: string
}

interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: string
}

const MAX_TOKENS = 1_024

/** Earlier turns whose answers stand, as the model is shown them. */
export function messagesOf(turns: readonly Turn[], question: string): readonly Message[] {
  const earlier = turns
    .filter(({ state, answer }) => (state === 'done' || state === 'stopped') && answer !== '')
    .flatMap((turn): Message[] => [
      { role: 'user', content: turn.question },
      { role: 'assistant', content: turn.answer },
    ])
  return [...earlier, { role: 'user', content: question }]
}

/**
 * Asks by the sealed way alone: 1. seal and send  2. show the text as it opens  3. the receipt, once all of it was read.
 * A failure of the seal or the receipt takes the text back: it is nobody's word.
 */
export async function askSealed(given: {
  readonly connection: Connection
  readonly key: string
  readonly model: string
  readonly turn: Turn
  readonly messages: readonly Message[]
  readonly signal: AbortSignal
  readonly show: (turn: Turn) => void
}): Promise<Turn> {
  const { connection, key, model, messages, signal, show } = given
  let turn = given.turn
  try {
    const response = await connection.fetch(`${connection.baseURL}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages, stream: true, max_tokens: MAX_TOKENS }),
      signal,
    })
    if (!response.ok || response.body === null) throw await refusalOf(response)
    const label = response.headers.get('x-cocoon-attestation') ?? ''
    for await (const piece of readEvents(response.body)) {
      if (piece.kind === 'error') throw new Refused(0, 'engine', piece.message)
      turn = { ...turn, state: 'streaming', answer: turn.answer + piece.text, label }
      show(turn)
    }
    const receipt = await connection.receiptOf(response)
    if (receipt === undefined)
      throw new Refused(0, 'receipt_mismatch', 'The answer has no receipt.')
    return { ...turn, state: 'done', receipt }
  } catch (error) {
    if (signal.aborted) return { ...turn, state: 'stopped' }
    const code = error instanceof Refused ? error.code : (textMember(error, 'code') ?? '')
    return { ...turn, state: 'failed', problem: messageOf(error), code, answer: '' }
  }
}

async function refusalOf(response: Response): Promise<Refused> {
  const json: unknown = await response.json().catch(() => undefined)
  // Sound: members of unknown JSON are read by own name only.
  const error = (json as { readonly error?: unknown } | undefined)?.error
  const message = textMember(error, 'message') ?? `The answer had status ${response.status}.`
  return new Refused(response.status, textMember(error, 'code') ?? '', message)
}
