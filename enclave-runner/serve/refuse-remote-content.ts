import type { Json } from '#base/jcs.ts'
import type { JsonObject } from '../engine/engine.ts'
import { isList, isObject } from '../engine/fields.ts'
import { ServeError } from './serve-error.ts'

/** Members that hold what the engine would fetch if it were told to. */
const WITH_CONTENT = ['messages', 'input', 'system'] as const
/** Members whose `data` is a file, or where an engine takes it for one's address. */
const FILES: ReadonlySet<string> = new Set(['source', 'input_audio'])
const MAX_DEPTH = 64

/**
 * The enclave fetches nothing (H13): whatever an engine's API takes as the address of a picture, a recording or a
 * document must be the content itself. An engine has no network in our image; elsewhere this is what stops it.
 * @throws ServeError `remote_url` for a body as the engine would get it
 */
export function refuseRemoteContent(body: JsonObject): void {
  for (const member of WITH_CONTENT) refuseIn(body[member] ?? null, 0)
}

function refuseIn(value: Json, depth: number): void {
  if (typeof value !== 'object' || value === null) return
  if (depth > MAX_DEPTH) throw new ServeError('invalid_json', 'the request nests too deep')
  if (isList(value)) {
    for (const item of value) refuseIn(item, depth + 1)
    return
  }
  if (!isObject(value)) return
  for (const [key, member] of Object.entries(value)) {
    // What a model once asked of a tool is text to an engine, whatever its members are called.
    if (key === 'input' && value['type'] === 'tool_use') continue
    refuseMember(key, member)
    refuseIn(member, depth + 1)
  }
}

function refuseMember(key: string, member: Json): void {
  if (key.endsWith('_url')) requireDataUrl(isObject(member) ? member['url'] : member, key)
  else if (key === 'file_data') requireContent(member, key)
  else if (FILES.has(key) && isObject(member)) refuseFile(key, member)
}

/** @see https://docs.anthropic.com/en/api/messages (sources of images and documents) */
function refuseFile(key: string, { type, url, data }: JsonObject): void {
  if (type === 'url') requireDataUrl(url, key)
  if (type !== 'text') requireContent(data ?? null, key)
}

function requireDataUrl(url: Json | undefined, key: string): void {
  if (typeof url === 'string' && url.startsWith('data:')) return
  throw remote(key)
}

/** Base64, which has neither the colon of an address nor the dot of a file's name, or a `data:` URL. */
function requireContent(data: Json, key: string): void {
  if (typeof data !== 'string' || data.startsWith('data:') || !/[:.]/.test(data)) return
  throw remote(key)
}

function remote(key: string): ServeError {
  return new ServeError(
    'remote_url',
    `'${key}' takes data: URLs only: send the content itself`,
    key,
  )
}
