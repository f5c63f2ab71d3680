import { setImmediate as nextTurn } from 'node:timers/promises'
import { base64 } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../engine.ts'
import { invalid, isList, unsupported } from '../fields.ts'
import { requireRoom, requireShort } from './prompt.ts'
import { createSequence } from './sequence.ts'
import type { Tokenizer } from './tokenizer.ts'
import type { Transformer } from './transformer.ts'

const MAX_INPUTS = 256

/** Token ids of each text of `input`. @throws EngineError */
export function embeddingPrompts(
  body: JsonObject,
  tokenizer: Tokenizer,
  context: number,
): readonly (readonly number[])[] {
  const input = body['input']
  const texts = isList(input) ? input : [input]
  if (texts.length === 0 || texts.length > MAX_INPUTS) {
    throw invalid('input', `'input' must hold 1 to ${MAX_INPUTS} texts`)
  }
  return texts.map((text) => {
    if (typeof text !== 'string' || text === '') {
      throw unsupported('input', 'the demonstration model embeds non-empty texts only')
    }
    requireShort(text, tokenizer, context)
    const ids = [tokenizer.bos, ...tokenizer.encode(text)]
    requireRoom(ids, context)
    return ids
  })
}

/**
 * The mean of the model's hidden states, scaled to length one: a demonstration of the endpoint's shape,
 * with little meaning. Little-endian float32 in base64 when asked, as OpenAI's clients do.
 * @throws EngineError
 */
export async function embed(
  body: JsonObject,
  prompts: readonly (readonly number[])[],
  model: Transformer,
  signal: AbortSignal,
): Promise<readonly Json[]> {
  const format = body['encoding_format'] ?? 'float'
  if (format !== 'float' && format !== 'base64') {
    throw invalid('encoding_format', "'encoding_format' must be float or base64")
  }
  if ((body['dimensions'] ?? model.shape.width) !== model.shape.width) {
    throw unsupported('dimensions', `the demonstration model has ${model.shape.width} dimensions`)
  }
  const data: Json[] = []
  for (const [index, prompt] of prompts.entries()) {
    const vector = await meanState(prompt, model, signal)
    data.push({
      object: 'embedding',
      index,
      embedding: format === 'base64' ? base64(littleEndian(vector)) : Array.from(vector),
    })
  }
  return data
}

async function meanState(
  prompt: readonly number[],
  model: Transformer,
  signal: AbortSignal,
): Promise<Float32Array> {
  const sequence = createSequence(model)
  const mean = new Float32Array(model.shape.width)
  for (const token of prompt) {
    await nextTurn()
    signal.throwIfAborted()
    sequence.feed(token)
    const state = sequence.hidden()
    for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] ?? 0) + (state[i] ?? 0)
  }
  const length = Math.hypot(...mean)
  return mean.map((value) => value / length)
}

function littleEndian(vector: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * vector.length))
  for (const [index, value] of vector.entries()) view.setFloat32(4 * index, value, true)
  return new Uint8Array(view.buffer)
}
