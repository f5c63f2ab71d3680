import { describe, expect, test } from 'vitest'
import type { Json } from '#base/jcs.ts'
import { openDialect } from '../engine/dialects/open-dialect.ts'
import type { Endpoint } from '../engine/engine.ts'
import { refuseRemoteContent } from './refuse-remote-content.ts'

const FAR = 'http://10.0.0.1/x.png'
const NEAR = 'data:image/png;base64,AAAA'

const CHAT = { endpoints: new Set<Endpoint>(['/v1/chat/completions']) }
const NATIVE = {
  endpoints: new Set<Endpoint>(['/v1/chat/completions', '/v1/responses', '/v1/messages']),
}

/** Whether a user's part reaches the engine, by an API that it speaks itself or by translation. */
function outcomeOf(path: Endpoint, part: Json, engine: typeof CHAT): string {
  const said = [{ role: 'user', content: [part] }]
  const body = path === '/v1/responses' ? { input: said } : { messages: said, max_tokens: 5 }
  try {
    // Sound: this endpoint is answered.
    const dialect = openDialect(path as '/v1/messages', body, engine)
    if (dialect === undefined) return 'unserved'
    refuseRemoteContent(dialect.body)
    return 'passes'
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  }
}

const image = (source: Json): Json => ({ type: 'image', source })
const document = (source: Json): Json => ({ type: 'document', source })

describe('nothing far away is named to an engine (H13)', () => {
  test.each<[string, Endpoint, Json]>([
    ['a picture of chat', '/v1/chat/completions', { type: 'image_url', image_url: { url: FAR } }],
    ['a picture by its bare address', '/v1/chat/completions', { type: 'x', image_url: FAR }],
    ['a recording', '/v1/chat/completions', { type: 'audio_url', audio_url: { url: FAR } }],
    [
      'a recording’s data',
      '/v1/chat/completions',
      { type: 'input_audio', input_audio: { data: FAR, format: 'wav' } },
    ],
    ['a file’s data', '/v1/chat/completions', { type: 'file', file: { file_data: FAR } }],
    ['a picture of Responses', '/v1/responses', { type: 'input_image', image_url: FAR }],
    ['a file of Responses', '/v1/responses', { type: 'input_file', file_url: FAR }],
    ['a source of Messages', '/v1/messages', image({ type: 'url', url: FAR })],
    ['a source that hides it in its data', '/v1/messages', image({ type: 'url', data: FAR })],
    ['a document of Messages', '/v1/messages', document({ type: 'url', url: FAR })],
    [
      'a picture in a tool’s result',
      '/v1/messages',
      { type: 'tool_result', tool_use_id: 't', content: [image({ type: 'url', url: FAR })] },
    ],
  ])('%s', (_, path, part) => {
    expect(outcomeOf(path, part, NATIVE)).toBe('remote_url')
    // Translated, it is refused for its form or for the address.
    expect(outcomeOf(path, part, CHAT)).not.toBe('passes')
  })

  test.each([
    ['an address', FAR],
    ['the name of a file', '/srv/pictures/another.png'],
  ])('%s in the place of base64, which some engines take for one', (_, data) => {
    const source = { type: 'base64', media_type: 'image/png', data }
    expect(outcomeOf('/v1/messages', image(source), NATIVE)).toBe('remote_url')
  })
})

describe('content itself passes', () => {
  test.each<[string, Endpoint, Json]>([
    ['a picture of chat', '/v1/chat/completions', { type: 'image_url', image_url: { url: NEAR } }],
    [
      'a recording',
      '/v1/chat/completions',
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
    ],
    ['a picture of Responses', '/v1/responses', { type: 'input_image', image_url: NEAR }],
    [
      'a picture of Messages',
      '/v1/messages',
      image({ type: 'base64', media_type: 'image/png', data: 'AAAA' }),
    ],
    [
      'a document of text that holds addresses',
      '/v1/messages',
      document({ type: 'text', media_type: 'text/plain', data: `See: ${FAR}` }),
    ],
  ])('%s', (_, path, part) => {
    expect(outcomeOf(path, part, NATIVE)).toBe('passes')
    expect(outcomeOf(path, part, CHAT)).toBe('passes')
  })

  test('what a model asked of a tool may name addresses', () => {
    const asked = { type: 'tool_use', id: 't', name: 'look', input: { image_url: FAR } }
    const body = { messages: [{ role: 'assistant', content: [asked] }] }
    expect(() => refuseRemoteContent(body)).not.toThrow()
  })
})
