import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { ProtocolError } from './errors.ts'
import { parseForm } from './form.ts'
import { audioTokens, parseTranscription, transcriptionBound } from './transcription.ts'

/** A form as the platform's own encoder writes it. */
async function encoded(fields: readonly (readonly [string, string | File])[]): Promise<Uint8Array> {
  const form = new FormData()
  for (const [name, value] of fields) form.append(name, value)
  return new Uint8Array(await new Response(form).arrayBuffer())
}

function code(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof ProtocolError) return error.code
    throw error
  }
  return 'none'
}

describe('a form', () => {
  test('is read as it was written, whatever its recording holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.string(), async (sound, text) => {
        const tricky = Buffer.concat([Buffer.from('\r\n--\r\n\r\n'), sound, Buffer.from('\r\n--')])
        const file = new File([tricky], 'a.wav', { type: 'audio/wav' })
        const body = await encoded([
          ['model', 'm'],
          ['prompt', text],
          ['file', file],
        ])
        const parts = parseForm(body)
        // The platform writes line ends in fields as CRLF.
        const sent = text.replaceAll(/\r\n|\r|\n/g, '\r\n')
        expect(parts.map(({ name }) => name)).toEqual(['model', 'prompt', 'file'])
        expect(new TextDecoder().decode(parts[1]?.bytes)).toBe(new TextDecoder().decode(utf8(sent)))
        expect(Buffer.from(parts[2]?.bytes ?? []).equals(tricky)).toBe(true)
        expect(parts[2]).toMatchObject({ filename: 'a.wav', type: 'audio/wav' })
      }),
    )
  })

  test('may be followed by padding', async () => {
    const body = await encoded([['a', 'b']])
    expect(parseForm(Buffer.concat([body, Buffer.alloc(500, ' ')]))).toHaveLength(1)
  })

  const part = (head: string, text = 'x') => `--b\r\n${head}\r\n\r\n${text}\r\n`
  const named = 'content-disposition: form-data; name="a"'
  test.each([
    ['is empty', ''],
    ['is JSON', '{"model":"m"}'],
    ['has no close', part(named)],
    ['ends in the middle of a head', '--b\r\ncontent-disposition: form'],
    ['has a part without a name', `${part('content-disposition: form-data')}--b--`],
    ['has a part of another kind', `${part('content-disposition: inline; name="a"')}--b--`],
    ['says a name twice', `${part(`${named}; name="b"`)}--b--`],
    ['has too many parts', `${part(named).repeat(65)}--b--`],
    ['has a head that is too long', `${part(`${named}; x="${'y'.repeat(3_000)}"`)}--b--`],
    ['has a boundary that is too long', `--${'b'.repeat(71)}\r\n`],
    ['has a head that is not UTF-8', Buffer.from(`${part(`${named}\xff`)}--b--`, 'latin1')],
  ])('is refused when it %s', (_, body) => {
    expect(code(() => parseForm(Buffer.from(body)))).toBe('message_invalid')
  })

  test('never fails in another way, nor reads beyond its end', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('--b', '\r\n', named, '--', 'x', '"', ';')), (words) => {
        expect(['none', 'message_invalid']).toContain(
          code(() => parseForm(utf8(`--b${words.join('')}`))),
        )
      }),
    )
  })
})

describe('a transcription', () => {
  const file = new File(['sound'], 'a.wav')

  test('is asked with a model, a file and fields as they came', async () => {
    const asked = parseTranscription(
      await encoded([
        ['file', file],
        ['model', 'acme/ear'],
        ['stream', 'true'],
        ['timestamp_granularities[]', 'word'],
        ['timestamp_granularities[]', 'segment'],
      ]),
    )
    expect(asked).toMatchObject({ model: 'acme/ear', stream: true })
    expect(asked.fields.get('timestamp_granularities[]')).toEqual(['word', 'segment'])
  })

  test.each([
    ['no file', [['model', 'm']]],
    ['no model', [['file', file]]],
    [
      'an empty file',
      [
        ['model', 'm'],
        ['file', new File([], 'a')],
      ],
    ],
    [
      'two files',
      [
        ['model', 'm'],
        ['file', file],
        ['file', file],
      ],
    ],
    [
      'a file of another name',
      [
        ['model', 'm'],
        ['file', file],
        ['image', file],
      ],
    ],
    [
      'two models',
      [
        ['model', 'm'],
        ['model', 'n'],
        ['file', file],
      ],
    ],
    [
      'a stream that is no boolean',
      [
        ['model', 'm'],
        ['stream', 'often'],
        ['file', file],
      ],
    ],
    [
      'a field too long',
      [
        ['model', 'm'],
        ['prompt', 'x'.repeat(70_000)],
        ['file', file],
      ],
    ],
  ] as [string, [string, string | File][]][])('is refused with %s', async (_, fields) => {
    const body = await encoded(fields)
    expect(code(() => parseTranscription(body))).toBe('message_invalid')
  })

  test('is bounded by more than any codec makes of a second', () => {
    // Opus at 6 kbit/s, the lowest that is in use: 750 bytes a second.
    for (const seconds of [1, 30, 3_600]) {
      expect(transcriptionBound(750 * seconds).promptTokens).toBeGreaterThan(audioTokens(seconds))
    }
    expect(audioTokens(0.001)).toBe(1)
  })
})
