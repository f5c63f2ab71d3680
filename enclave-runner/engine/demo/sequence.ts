import type { Transformer } from './transformer.ts'

/** One conversation's key-value cache: feed tokens in order, read logits after the last. */
export interface Sequence {
  readonly position: number
  /** Advances by one token. @throws RangeError past the model's context */
  feed(token: number): void
  /** Logits for the next token, valid until the next `feed`. */
  logits(): Float32Array
  /** The normalised state of the last token, valid until the next `feed`. */
  hidden(): Float32Array
}

/*
 * `?? 0` below only satisfies the checker: `loadTransformer` checked every bound, and V8 drops the test
 * because it knows that an in-bounds element is a number.
 */

/** The forward pass of a Llama block, one token at a time: RMSNorm, rotary attention, gated SiLU. */
export function createSequence(model: Transformer): Sequence {
  const { shape } = model
  const keys = model.layers.map(() => new Float32Array(shape.context * shape.width))
  const values = model.layers.map(() => new Float32Array(shape.context * shape.width))
  const state = new Float32Array(shape.width)
  const normed = new Float32Array(shape.width)
  const query = new Float32Array(shape.width)
  const mixed = new Float32Array(shape.width)
  const added = new Float32Array(shape.width)
  const gate = new Float32Array(shape.feedForward)
  const up = new Float32Array(shape.feedForward)
  const scores = new Float32Array(shape.context)
  const logits = new Float32Array(shape.vocabulary)
  let position = 0

  const attend = (index: number): void => {
    const layer = model.layers[index]
    const cacheK = keys[index]
    const cacheV = values[index]
    if (layer === undefined || cacheK === undefined || cacheV === undefined) return
    const row = position * shape.width
    const key = cacheK.subarray(row, row + shape.width)
    normalise(normed, state, layer.attnNorm, shape.epsilon)
    multiply(query, layer.query, normed)
    multiply(key, layer.key, normed)
    multiply(cacheV.subarray(row, row + shape.width), layer.value, normed)
    rotate(query, model, position)
    rotate(key, model, position)
    mixHeads(mixed, query, cacheK, cacheV, scores, model, position)
    multiply(added, layer.attnOutput, mixed)
    add(state, added)
    normalise(normed, state, layer.ffnNorm, shape.epsilon)
    multiply(gate, layer.gate, normed)
    multiply(up, layer.up, normed)
    activate(gate, up)
    multiply(added, layer.down, gate)
    add(state, added)
  }

  return {
    get position() {
      return position
    },
    feed(token) {
      if (position >= shape.context) throw new RangeError('the context is full')
      if (token < 0 || token >= shape.vocabulary) throw new RangeError('no such token')
      state.set(model.embedding.subarray(token * shape.width, (token + 1) * shape.width))
      for (let index = 0; index < shape.layers; index++) attend(index)
      position++
    },
    logits() {
      normalise(normed, state, model.outputNorm, shape.epsilon)
      multiply(logits, model.embedding, normed)
      return logits
    },
    hidden() {
      normalise(normed, state, model.outputNorm, shape.epsilon)
      return normed
    },
  }
}

/** out = weights × input, weights row-major with rows as long as the input (a multiple of four). */
function multiply(out: Float32Array, weights: Float32Array, input: Float32Array): void {
  const length = input.length
  for (let row = 0, k = 0; row < out.length; row++) {
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    for (let j = 0; j < length; j += 4, k += 4) {
      a += (weights[k] ?? 0) * (input[j] ?? 0)
      b += (weights[k + 1] ?? 0) * (input[j + 1] ?? 0)
      c += (weights[k + 2] ?? 0) * (input[j + 2] ?? 0)
      d += (weights[k + 3] ?? 0) * (input[j + 3] ?? 0)
    }
    out[row] = a + b + c + d
  }
}

function normalise(
  out: Float32Array,
  input: Float32Array,
  weight: Float32Array,
  epsilon: number,
): void {
  let sum = 0
  for (let i = 0; i < input.length; i++) sum += (input[i] ?? 0) * (input[i] ?? 0)
  const scale = 1 / Math.sqrt(sum / input.length + epsilon)
  for (let i = 0; i < input.length; i++) out[i] = (input[i] ?? 0) * scale * (weight[i] ?? 0)
}

/** Turns interleaved pairs of every head by the position's angles. */
function rotate(vector: Float32Array, model: Transformer, position: number): void {
  const pairs = model.shape.headWidth / 2
  for (let i = 0; i < vector.length; i += 2) {
    const at = position * pairs + ((i / 2) % pairs)
    const x = vector[i] ?? 0
    const y = vector[i + 1] ?? 0
    vector[i] = x * (model.cos[at] ?? 0) - y * (model.sin[at] ?? 0)
    vector[i + 1] = x * (model.sin[at] ?? 0) + y * (model.cos[at] ?? 0)
  }
}

function mixHeads(
  out: Float32Array,
  query: Float32Array,
  keys: Float32Array,
  values: Float32Array,
  scores: Float32Array,
  model: Transformer,
  position: number,
): void {
  const { headWidth, heads, width } = model.shape
  for (let head = 0; head < heads; head++) {
    const start = head * headWidth
    const total = scoreHead(query, keys, scores, start, model, position)
    out.fill(0, start, start + headWidth)
    for (let j = 0; j <= position; j++) {
      const weight = (scores[j] ?? 0) / total
      const row = j * width + start
      for (let i = 0; i < headWidth; i++)
        out[start + i] = (out[start + i] ?? 0) + weight * (values[row + i] ?? 0)
    }
  }
}

/** Fills `scores` with exp(q·k / sqrt(width) - max) and returns their sum. */
function scoreHead(
  query: Float32Array,
  keys: Float32Array,
  scores: Float32Array,
  start: number,
  model: Transformer,
  position: number,
): number {
  const { headWidth, width } = model.shape
  const scale = 1 / Math.sqrt(headWidth)
  let max = Number.NEGATIVE_INFINITY
  for (let j = 0; j <= position; j++) {
    const row = j * width + start
    let dot = 0
    for (let i = 0; i < headWidth; i++) dot += (query[start + i] ?? 0) * (keys[row + i] ?? 0)
    scores[j] = dot * scale
    if ((scores[j] ?? 0) > max) max = scores[j] ?? 0
  }
  let total = 0
  for (let j = 0; j <= position; j++) {
    scores[j] = Math.exp((scores[j] ?? 0) - max)
    total += scores[j] ?? 0
  }
  return total
}

function activate(gate: Float32Array, up: Float32Array): void {
  for (let i = 0; i < gate.length; i++)
    gate[i] = ((gate[i] ?? 0) / (1 + Math.exp(-(gate[i] ?? 0)))) * (up[i] ?? 0)
}

function add(state: Float32Array, added: Float32Array): void {
  for (let i = 0; i < state.length; i++) state[i] = (state[i] ?? 0) + (added[i] ?? 0)
}
