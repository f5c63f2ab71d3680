import type { Json } from '#base/jcs.ts'
import type { FinishReason, JsonObject } from '../engine.ts'
import type { TokenLogprob } from './sampler.ts'

/** A generated piece: text that may be shown, and log-probabilities when asked for. */
export interface Piece {
  readonly text: string
  readonly logprobs: readonly Json[] | undefined
}

/** Identity that every object of one answer carries. */
export interface AnswerHead {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly fingerprint: string
}

/** The object shapes of one endpoint. */
export interface AnswerFormat {
  readonly idPrefix: string
  /** Chunks before the first token, if the format has any. */
  opening(head: AnswerHead): JsonObject | undefined
  chunk(head: AnswerHead, piece: Piece, finish: FinishReason | null): JsonObject
  whole(head: AnswerHead, piece: Piece, finish: FinishReason): JsonObject
}

/** @see https://platform.openai.com/docs/api-reference/chat */
export const CHAT_FORMAT: AnswerFormat = {
  idPrefix: 'chatcmpl-',
  opening: (head) => ({
    ...common(head, 'chat.completion.chunk'),
    choices: [choice({ delta: { role: 'assistant', content: '' } }, undefined, null)],
  }),
  chunk: (head, piece, finish) => ({
    ...common(head, 'chat.completion.chunk'),
    choices: [
      choice({ delta: piece.text === '' ? {} : { content: piece.text } }, piece.logprobs, finish),
    ],
  }),
  whole: (head, piece, finish) => ({
    ...common(head, 'chat.completion'),
    choices: [
      choice(
        { message: { role: 'assistant', content: piece.text, refusal: null, annotations: [] } },
        piece.logprobs,
        finish,
      ),
    ],
  }),
}

/** The legacy completions endpoint: text instead of messages, one object name for both forms. */
export const COMPLETION_FORMAT: AnswerFormat = {
  idPrefix: 'cmpl-',
  opening: () => undefined,
  chunk: (head, piece, finish) => completion(head, piece, finish),
  whole: (head, piece, finish) => completion(head, piece, finish),
}

/** One entry of `logprobs.content`. */
export function logprobEntry(
  picked: TokenLogprob,
  top: readonly TokenLogprob[],
  bytesOf: (id: number) => Uint8Array,
): Json {
  const describe = (token: TokenLogprob) => {
    const bytes = bytesOf(token.id)
    return {
      token: new TextDecoder().decode(bytes),
      logprob: token.logprob,
      bytes: Array.from(bytes),
    }
  }
  return { ...describe(picked), top_logprobs: top.map(describe) }
}

function completion(head: AnswerHead, piece: Piece, finish: FinishReason | null): JsonObject {
  return {
    ...common(head, 'text_completion'),
    choices: [choice({ text: piece.text }, undefined, finish)],
  }
}

function common(head: AnswerHead, object: string): JsonObject {
  return {
    id: head.id,
    object,
    created: head.created,
    model: head.model,
    system_fingerprint: head.fingerprint,
  }
}

function choice(
  content: JsonObject,
  logprobs: readonly Json[] | undefined,
  finish: FinishReason | null,
): JsonObject {
  return {
    index: 0,
    ...content,
    logprobs: logprobs === undefined ? null : { content: logprobs, refusal: null },
    finish_reason: finish,
  }
}
