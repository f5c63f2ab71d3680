import { utf8 } from '#base/bytes.ts'
import type { GgufFile, GgufValue } from './gguf.ts'
import { GgufError } from './gguf.ts'

/** SentencePiece's mark for a space. */
const SPACE = '\u2581'
const WORD = /\u2581[^\u2581]*/gu
const BYTE_TOKEN = /^<0x([0-9A-F]{2})>$/
const TOKEN_TYPE_CONTROL = 3

/** SentencePiece-style BPE: the best-scored neighbouring pair is joined until none is in the vocabulary. */
export interface Tokenizer {
  readonly size: number
  readonly bos: number
  readonly eos: number
  /** Bytes of the longest token: a text has at least its length by this many tokens. */
  readonly longest: number
  /** The id of a control token such as `<|user|>`. @throws GgufError when the model has none */
  control(token: string): number
  /** Encodes text. Control tokens are never made from text: a caller cannot forge a role mark. */
  encode(text: string): number[]
  /** The bytes that one token stands for; a control token stands for none. */
  bytes(id: number): Uint8Array
}

/** Builds the tokenizer from a GGUF's `tokenizer.ggml.*` entries. @throws GgufError */
export function createTokenizer(file: GgufFile): Tokenizer {
  const tokens = list(file, 'tokenizer.ggml.tokens', isString)
  const scores = list(file, 'tokenizer.ggml.scores', isNumber)
  const types = list(file, 'tokenizer.ggml.token_type', isNumber)
  if (scores.length !== tokens.length || types.length !== tokens.length) {
    throw new GgufError('malformed', 'token lists of different lengths')
  }
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const pieces = tokens.map((token, id) => pieceBytes(token, types[id] === TOKEN_TYPE_CONTROL))
  const words = createWordEncoder(ids, scores, types)
  return {
    size: tokens.length,
    bos: integer(file, 'tokenizer.ggml.bos_token_id', tokens.length),
    longest: pieces.reduce((most, { length }) => Math.max(most, length), 1),
    eos: integer(file, 'tokenizer.ggml.eos_token_id', tokens.length),
    control(token) {
      const id = ids.get(token)
      if (id === undefined) throw new GgufError('unsupported', 'no such control token')
      return id
    },
    encode(text) {
      if (text === '') return []
      const marked = SPACE + text.replaceAll(' ', SPACE)
      return (marked.match(WORD) ?? []).flatMap(words)
    },
    bytes: (id) => pieces[id] ?? new Uint8Array(),
  }
}

function createWordEncoder(
  ids: ReadonlyMap<string, number>,
  scores: readonly number[],
  types: readonly number[],
): (word: string) => readonly number[] {
  const text = (piece: string): number | undefined => {
    const id = ids.get(piece)
    return id === undefined || types[id] === TOKEN_TYPE_CONTROL || BYTE_TOKEN.test(piece)
      ? undefined
      : id
  }
  return (word) => {
    const pieces = Array.from(word)
    for (;;) {
      const at = bestPair(pieces, text, scores)
      if (at === undefined) break
      pieces.splice(at, 2, `${pieces[at]}${pieces[at + 1]}`)
    }
    return pieces.flatMap((piece) => {
      const id = text(piece)
      return id === undefined ? byteIds(ids, piece) : [id]
    })
  }
}

function bestPair(
  pieces: readonly string[],
  idOf: (piece: string) => number | undefined,
  scores: readonly number[],
): number | undefined {
  let best: number | undefined
  let bestScore = Number.NEGATIVE_INFINITY
  for (let at = 0; at + 1 < pieces.length; at++) {
    const id = idOf(`${pieces[at]}${pieces[at + 1]}`)
    const score = id === undefined ? Number.NEGATIVE_INFINITY : (scores[id] ?? 0)
    if (score > bestScore) {
      best = at
      bestScore = score
    }
  }
  return best
}

/** A character outside the vocabulary becomes its UTF-8 bytes, a token each. */
function byteIds(ids: ReadonlyMap<string, number>, piece: string): readonly number[] {
  return Array.from(utf8(piece), (byte) => {
    const id = ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
    if (id === undefined) throw new GgufError('unsupported', 'the vocabulary lacks a byte token')
    return id
  })
}

function pieceBytes(token: string, isControl: boolean): Uint8Array {
  if (isControl) return new Uint8Array()
  const byte = BYTE_TOKEN.exec(token)
  return byte === null
    ? utf8(token.replaceAll(SPACE, ' '))
    : Uint8Array.of(Number.parseInt(byte[1] ?? '', 16))
}

function list<T extends GgufValue>(
  file: GgufFile,
  key: string,
  is: (value: GgufValue) => value is T,
): readonly T[] {
  const value = file.metadata.get(key)
  if (!Array.isArray(value) || !value.every(is)) throw new GgufError('malformed', `bad ${key}`)
  // Sound: every item just passed the guard; Array.isArray only lost the item type.
  return value as readonly T[]
}

function integer(file: GgufFile, key: string, below: number): number {
  const value = file.metadata.get(key)
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= below) {
    throw new GgufError('malformed', `bad ${key}`)
  }
  return value
}

function isString(value: GgufValue): value is string {
  return typeof value === 'string'
}

function isNumber(value: GgufValue): value is number {
  return typeof value === 'number'
}
