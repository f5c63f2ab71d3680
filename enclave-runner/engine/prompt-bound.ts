import type { Json } from '#base/jcs.ts'
import type { JsonObject } from './engine.ts'
import { isList, isObject } from './fields.ts'

/** Chat templates add a preamble of their own, such as a default system prompt. */
const TEMPLATE_TOKENS = 64
/** Most tokens that one picture becomes in current vision models at their default settings. */
const IMAGE_TOKENS = 16_384
const MAX_DEPTH = 64

/**
 * A number of tokens that the prompt cannot exceed, without a tokenizer: no token of text is shorter
 * than a byte, and the JSON around it is longer than the template's marks. Pictures are counted apart
 * because a tiny file can hold a large picture (M6).
 * @param bodyBytes UTF-8 bytes of the request's JSON
 */
export function promptBound(body: JsonObject, bodyBytes: number): number {
  return TEMPLATE_TOKENS + bodyBytes + IMAGE_TOKENS * countImages(body['messages'] ?? null, 0)
}

function countImages(value: Json, depth: number): number {
  if (depth > MAX_DEPTH || value === null || typeof value !== 'object') return 0
  if (isList(value))
    return value.reduce<number>((sum, item) => sum + countImages(item, depth + 1), 0)
  if (!isObject(value)) return 0
  const own = value['image_url'] === undefined && value['input_audio'] === undefined ? 0 : 1
  return own + countImages(value['content'] ?? null, depth + 1)
}
