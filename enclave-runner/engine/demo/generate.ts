import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Json } from '#base/jcs.ts'
import type { FinishReason } from '../engine.ts'
import { logprobEntry } from './answer.ts'
import type { Parameters } from './parameters.ts'
import type { Sampler } from './sampler.ts'
import { logprobs } from './sampler.ts'
import { createSequence } from './sequence.ts'
import { createTextStream } from './text-stream.ts'
import type { Tokenizer } from './tokenizer.ts'
import type { Transformer } from './transformer.ts'

/** One sampled token: the text that it frees, and how many tokens were sampled so far. */
export interface Step {
  readonly text: string
  readonly logprobs: readonly Json[] | undefined
  readonly tokens: number
  /** Set on the last step. */
  readonly finish: FinishReason | undefined
}

export interface Generation {
  readonly model: Transformer
  readonly tokenizer: Tokenizer
  readonly prompt: readonly number[]
  readonly parameters: Parameters
  readonly sampler: Sampler
  readonly dropLeadingSpace: boolean
  readonly signal: AbortSignal
}

/**
 * Prefills, then samples token by token until the end token, a stop sequence or the limit. The event
 * loop gets a turn before every token, so an abort or another request acts at once; an aborted
 * generation just ends. The end token is counted: it was sampled.
 */
export async function* generate(generation: Generation): AsyncGenerator<Step, void, void> {
  const { model, tokenizer, prompt, parameters, signal } = generation
  const sequence = createSequence(model)
  for (const token of prompt) {
    await nextTurn()
    if (signal.aborted) return
    sequence.feed(token)
  }
  const room = model.shape.context - prompt.length
  const limit = Math.min(parameters.maxTokens ?? room, room)
  const text = createTextStream(parameters.stop, generation.dropLeadingSpace)
  for (let tokens = 1; ; tokens++) {
    await nextTurn()
    if (signal.aborted) return
    const logits = sequence.logits()
    const token = generation.sampler(logits)
    if (token === tokenizer.eos) {
      yield { text: text.flush(), logprobs: undefined, tokens, finish: 'stop' }
      return
    }
    const described = describe(generation, logits, token)
    const step = text.push(tokenizer.bytes(token))
    if (step.stopped) {
      yield { text: step.text, logprobs: described, tokens, finish: 'stop' }
      return
    }
    if (tokens === limit) {
      yield { text: step.text + text.flush(), logprobs: described, tokens, finish: 'length' }
      return
    }
    yield { text: step.text, logprobs: described, tokens, finish: undefined }
    sequence.feed(token)
  }
}

function describe(
  { parameters, tokenizer }: Generation,
  logits: Float32Array,
  token: number,
): readonly Json[] | undefined {
  if (parameters.topLogprobs === undefined) return undefined
  const { picked, top } = logprobs(logits, token, parameters.topLogprobs)
  return [logprobEntry(picked, top, tokenizer.bytes)]
}
