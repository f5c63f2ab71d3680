import type { GgufFile } from './gguf.ts'
import { GgufError } from './gguf.ts'

/** Sizes of a Llama-architecture model with as many key as query heads and tied embeddings. */
export interface TransformerShape {
  readonly context: number
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly headWidth: number
  readonly feedForward: number
  readonly vocabulary: number
  readonly epsilon: number
  readonly ropeBase: number
}

interface Layer {
  readonly attnNorm: Float32Array
  readonly query: Float32Array
  readonly key: Float32Array
  readonly value: Float32Array
  readonly attnOutput: Float32Array
  readonly ffnNorm: Float32Array
  readonly gate: Float32Array
  readonly up: Float32Array
  readonly down: Float32Array
}

/** The weights, shared read-only by every sequence. */
export interface Transformer {
  readonly shape: TransformerShape
  readonly embedding: Float32Array
  readonly outputNorm: Float32Array
  readonly layers: readonly Layer[]
  /** cos and sin of position × frequency, [position][pair]. */
  readonly cos: Float32Array
  readonly sin: Float32Array
}

const MAX_CONTEXT = 8192
const MAX_WIDTH = 4096
const MAX_LAYERS = 128

/** Takes the weights out of a parsed GGUF and checks every shape. @throws GgufError */
export function loadTransformer(file: GgufFile, vocabulary: number): Transformer {
  if (file.metadata.get('general.architecture') !== 'llama') {
    throw new GgufError('unsupported', 'only the llama architecture')
  }
  const shape = readShape(file, vocabulary)
  const { width, feedForward } = shape
  const layers = Array.from({ length: shape.layers }, (_, index): Layer => {
    const weight = (name: string, inner: number, outer?: number) =>
      tensor(file, `blk.${index}.${name}.weight`, inner, outer)
    return {
      attnNorm: weight('attn_norm', width),
      query: weight('attn_q', width, width),
      key: weight('attn_k', width, width),
      value: weight('attn_v', width, width),
      attnOutput: weight('attn_output', width, width),
      ffnNorm: weight('ffn_norm', width),
      gate: weight('ffn_gate', width, feedForward),
      up: weight('ffn_up', width, feedForward),
      down: weight('ffn_down', feedForward, width),
    }
  })
  return {
    shape,
    embedding: tensor(file, 'token_embd.weight', width, vocabulary),
    outputNorm: tensor(file, 'output_norm.weight', width),
    layers,
    ...rotaryTables(shape),
  }
}

function readShape(file: GgufFile, vocabulary: number): TransformerShape {
  const size = (key: string, max: number): number => {
    const value = file.metadata.get(`llama.${key}`)
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) {
      throw new GgufError('malformed', `bad llama.${key}`)
    }
    return value
  }
  const width = size('embedding_length', MAX_WIDTH)
  const heads = size('attention.head_count', width)
  const feedForward = size('feed_forward_length', 4 * MAX_WIDTH)
  // The inner loops take four values at a time, the rotation two.
  const divides = width % 4 === 0 && feedForward % 4 === 0 && width % (2 * heads) === 0
  if (!divides || size('attention.head_count_kv', width) !== heads) {
    throw new GgufError('unsupported', 'model sizes that this engine does not run')
  }
  return {
    context: size('context_length', MAX_CONTEXT),
    width,
    layers: size('block_count', MAX_LAYERS),
    heads,
    headWidth: width / heads,
    feedForward,
    vocabulary,
    epsilon: real(file, 'llama.attention.layer_norm_rms_epsilon'),
    ropeBase: real(file, 'llama.rope.freq_base'),
  }
}

function real(file: GgufFile, key: string): number {
  const value = file.metadata.get(key)
  if (typeof value !== 'number' || !(value > 0)) throw new GgufError('malformed', `bad ${key}`)
  return value
}

function tensor(file: GgufFile, name: string, inner: number, outer?: number): Float32Array {
  const found = file.tensors.get(name)
  const [width, height, ...more] = found?.shape ?? []
  if (found === undefined || width !== inner || height !== outer || more.length > 0) {
    throw new GgufError('malformed', `tensor ${name} is missing or has another shape`)
  }
  return found.values
}

function rotaryTables(shape: TransformerShape): { cos: Float32Array; sin: Float32Array } {
  const pairs = shape.headWidth / 2
  const cos = new Float32Array(shape.context * pairs)
  const sin = new Float32Array(shape.context * pairs)
  for (let position = 0; position < shape.context; position++) {
    for (let pair = 0; pair < pairs; pair++) {
      const angle = position / shape.ropeBase ** ((2 * pair) / shape.headWidth)
      cos[position * pairs + pair] = Math.cos(angle)
      sin[position * pairs + pair] = Math.sin(angle)
    }
  }
  return { cos, sin }
}
