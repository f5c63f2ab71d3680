import { countMedia } from './count-media.ts'

/** Chat templates add a preamble of their own, such as a default system prompt. */
export const TEMPLATE_TOKENS = 64
/** Most tokens that one picture or recording becomes in current models at their default settings. */
export const MEDIA_TOKENS = 16_384

/**
 * A number of tokens that the prompt cannot exceed, without a tokenizer: no token of text is shorter
 * than a byte, and the JSON around it is longer than the template's marks. Pictures are counted apart
 * because a tiny file can hold a large picture (M6).
 * @param bodyBytes UTF-8 bytes of the request's JSON
 */
export function promptBound(body: object, bodyBytes: number): number {
  return TEMPLATE_TOKENS + bodyBytes + MEDIA_TOKENS * countMedia(body)
}
