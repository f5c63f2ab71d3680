import { listMember, member, textMember } from '#base/members.ts'

/** One piece of a streamed answer. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly message: string }

const MAX_LINE_CHARS = 1_000_000

/** The text of a chat completion's event stream, piece by piece; comments and usage are passed over. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<Piece> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE_CHARS) throw new RangeError('The answer is no event stream.')
      for (const line of lines) yield* readLine(line)
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

function* readLine(line: string): Generator<Piece> {
  if (!line.startsWith('data: ') || line === 'data: [DONE]') return
  const event: unknown = JSON.parse(line.slice('data: '.length))
  const error = textMember(member(event, 'error'), 'message')
  if (error !== undefined) yield { kind: 'error', message: error }
  const text = textMember(member(listMember(event, 'choices')[0], 'delta'), 'content')
  if (text !== undefined && text !== '') yield { kind: 'text', text }
}
