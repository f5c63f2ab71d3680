/** Members under which the APIs put content parts. */
const PARENTS = ['messages', 'input', 'content', 'output', 'source'] as const
/** Members that only a part of that kind has. */
const MEMBERS = ['image_url', 'input_audio', 'audio_url', 'video_url', 'file'] as const
const TYPES: ReadonlySet<unknown> = new Set(['image', 'input_image', 'input_file', 'document'])
const MAX_DEPTH = 64

/**
 * Pictures, recordings, films and documents in a request: a small file may become many tokens (M6). One rule for whoever bounds a
 * prompt, since a client calls a receipt above its own bound a lie.
 */
export function countMedia(body: object): number {
  return countIn(body, 0)
}

function countIn(value: unknown, depth: number): number {
  if (depth > MAX_DEPTH || typeof value !== 'object' || value === null) return 0
  if (Array.isArray(value)) {
    return value.reduce<number>((sum, item) => sum + countIn(item, depth + 1), 0)
  }
  // Sound: neither null nor an array, so an object with string keys.
  const object = value as Readonly<Record<string, unknown>>
  const isPart = depth > 0
  const isMedia = MEMBERS.some((name) => object[name] !== undefined) || TYPES.has(object['type'])
  const below = PARENTS.reduce((sum, name) => sum + countIn(object[name], depth + 1), 0)
  return below + (isPart && isMedia ? 1 : 0)
}
