import type { Json } from '#base/jcs.ts'
import type { JsonObject } from './engine.ts'
import { isList, isObject } from './fields.ts'

/** Chat templates add a preamble of their own, such as a default system prompt. */
const TEMPLATE_TOKENS = 64
/** Most tokens that one picture or recording becomes in current models at their default settings. */
export const MEDIA_TOKENS = 16_384
const MAX_DEPTH = 64

/**
 * A number of tokens that the prompt cannot exceed, without a tokenizer: no token of text is shorter
 * than a byte, and the JSON around it is longer than the template's marks. Pictures are counted apart
 * because a tiny file can hold a large picture (M6).
 * @param bodyBytes UTF-8 bytes of the request's JSON
 */
export function promptBound(body: JsonObject, bodyBytes: number): number {
  return TEMPLATE_TOKENS + bodyBytes + MEDIA_TOKENS * countMedia(body)
}

/** Pictures, recordings and documents in a request. */
export function countMedia(body: JsonObject): number {
  return PARENTS.reduce((sum, name) => sum + countIn(body[name] ?? null, 0), 0)
}

/** Members under which the APIs put content parts. */
const PARENTS = ['messages', 'input', 'content', 'output', 'source'] as const
const MEDIA: ReadonlySet<unknown> = new Set(['input_image', 'image', 'input_file', 'document'])

function countIn(value: Json, depth: number): number {
  if (depth > MAX_DEPTH || value === null || typeof value !== 'object') return 0
  if (isList(value)) return value.reduce<number>((sum, item) => sum + countIn(item, depth + 1), 0)
  if (!isObject(value)) return 0
  const isOne =
    value['image_url'] !== undefined ||
    value['input_audio'] !== undefined ||
    value['audio_url'] !== undefined ||
    value['video_url'] !== undefined ||
    value['file'] !== undefined ||
    MEDIA.has(value['type'])
  const inner = PARENTS.reduce((sum, name) => sum + countIn(value[name] ?? null, depth + 1), 0)
  return (isOne ? 1 : 0) + inner
}
