import type { Parameters } from './parameters.ts'

export interface TokenLogprob {
  readonly id: number
  /** Natural logarithm of the probability before temperature and top-p. */
  readonly logprob: number
}

/** Picks the next token's id from logits. The same seed and logits give the same picks. */
export type Sampler = (logits: Float32Array) => number

/** @param entropy 32 random bits, used when the request names no seed */
export function createSampler(
  parameters: Pick<Parameters, 'temperature' | 'topP' | 'seed'>,
  entropy: number,
): Sampler {
  const { temperature, topP } = parameters
  if (temperature === 0) return likeliest
  const next = randomStream(parameters.seed ?? entropy)
  return (logits) => {
    const weights = softmax(logits, temperature)
    const kept = topP < 1 ? nucleus(weights, topP) : weights.keys()
    return draw(weights, [...kept], next())
  }
}

/** The picked token's log-probability and the `count` likeliest ones, best first. */
export function logprobs(
  logits: Float32Array,
  picked: number,
  count: number,
): { picked: TokenLogprob; top: readonly TokenLogprob[] } {
  const weights = softmax(logits, 1)
  const entry = (id: number): TokenLogprob => ({ id, logprob: Math.log(weights[id] ?? 0) })
  return { picked: entry(picked), top: ranked(weights).slice(0, count).map(entry) }
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let id = 1; id < logits.length; id++) {
    if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id
  }
  return best
}

function softmax(logits: Float32Array, temperature: number): Float64Array {
  const weights = new Float64Array(logits.length)
  const max = logits[likeliest(logits)] ?? 0
  let total = 0
  for (let id = 0; id < logits.length; id++) {
    const weight = Math.exp(((logits[id] ?? 0) - max) / temperature)
    weights[id] = weight
    total += weight
  }
  for (let id = 0; id < weights.length; id++) weights[id] = (weights[id] ?? 0) / total
  return weights
}

function ranked(weights: Float64Array): number[] {
  return Array.from(weights.keys()).sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0))
}

/** The smallest set of likeliest tokens that holds `topP` of the probability; never empty. */
function nucleus(weights: Float64Array, topP: number): number[] {
  const order = ranked(weights)
  let held = 0
  const size = order.findIndex((id) => {
    held += weights[id] ?? 0
    return held >= topP
  })
  return size === -1 ? order : order.slice(0, size + 1)
}

function draw(weights: Float64Array, ids: readonly number[], uniform: number): number {
  let total = 0
  for (const id of ids) total += weights[id] ?? 0
  let left = uniform * total
  for (const id of ids) {
    left -= weights[id] ?? 0
    if (left < 0) return id
  }
  return ids.at(-1) ?? 0
}

/**
 * Uniform numbers in [0, 1) from a seed: splitmix32 over both halves of the seed. Not for secrets;
 * sampling needs repeatable noise only.
 */
function randomStream(seed: number): () => number {
  let state = (seed | 0) ^ Math.imul(Math.floor(seed / 2 ** 32) | 0, 0x85ebca6b)
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}
