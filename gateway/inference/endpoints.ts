import { plainSpelling } from '../http/api-path.ts'

/** The paths that cost tokens, and how each names the length of an answer. */
export const ENDPOINTS = {
  '/v1/chat/completions': { limits: ['max_completion_tokens', 'max_tokens'], fallback: undefined },
  '/v1/completions': { limits: ['max_tokens'], fallback: 16 },
  '/v1/embeddings': { limits: [], fallback: 0 },
  '/v1/responses': { limits: ['max_output_tokens'], fallback: undefined },
  '/v1/messages': { limits: ['max_tokens'], fallback: undefined },
  '/v1/messages/count_tokens': { limits: [], fallback: 0 },
  '/v1/audio/transcriptions': { limits: [], fallback: 0 },
} as const satisfies Record<
  string,
  {
    /** Members that bound the answer, the first one present counts. */
    readonly limits: readonly string[]
    /** Tokens when none is given; undefined: the model's most. */
    readonly fallback: number | undefined
  }
>

export type InferencePath = keyof typeof ENDPOINTS

/** Counting is free: nobody needs it for more than the longest contexts. */
export const MAX_COUNTED_BYTES = 4 * 1024 * 1024

/**
 * The inference path that a request's path means: with or without `/v1`, with or without a slash too many, since
 * users configure both.
 */
export function inferencePath(path: string): InferencePath | undefined {
  const bare = plainSpelling(path)
  const full = bare.startsWith('/v1/') ? bare : `/v1${bare}`
  // Sound: hasOwn says that the text is a key of the table.
  return Object.hasOwn(ENDPOINTS, full) ? (full as InferencePath) : undefined
}
