const PICTURE = { type: 'image', source: { type: 'base64', data: '' } }

function inChat(...content: readonly object[]): object {
  return { messages: [{ role: 'user', content }] }
}

function inResults(depth: number): object {
  return depth === 0 ? PICTURE : { type: 'tool_result', content: [inResults(depth - 1)] }
}

/** Bodies and how many media gateway, client and runner count in each: a bound of one that is lower makes a liar of another (M6). */
export const MEDIA_CASES: readonly (readonly [what: string, media: number, body: object])[] = [
  ['text', 0, inChat({ type: 'text', text: 'a' })],
  ['pictures', 2, inChat({ type: 'image_url', image_url: {} }, { image_url: 'data:,' })],
  ['a recording', 1, inChat({ type: 'input_audio', input_audio: {} })],
  ['a recording by address', 1, inChat({ type: 'audio_url', audio_url: {} })],
  ['a film', 1, inChat({ type: 'video_url', video_url: {} })],
  ['a file', 1, inChat({ type: 'file', file: { file_data: '' } })],
  ['a file of Responses', 1, { input: [{ content: [{ type: 'input_file', file_data: '' }] }] }],
  ['a picture of Responses', 1, { input: [{ content: [{ type: 'input_image' }] }] }],
  ['a tool’s picture', 1, { input: [{ output: [{ type: 'input_image' }] }] }],
  ['a picture of Messages, kept as a file', 1, inChat({ ...PICTURE, source: { type: 'file' } })],
  ['a document of Messages', 1, inChat({ type: 'document', source: { data: '' } })],
  ['pictures in it', 3, inChat({ type: 'document', source: { content: [PICTURE, PICTURE] } })],
  ['a picture deep in results of tools', 1, inChat(inResults(20))],
]
