import { expect, test } from 'vitest'
import { until } from '../../support/account.ts'
import { ENGINE_MODEL, SPOKEN } from '../../support/engine-server.ts'
import { usageOf } from '../../support/stranger.ts'
import type { At, MakeClient } from '../at.ts'

const recording = (words: string) =>
  new File([`RIFF\r\n--x\r\n${words}`, new Uint8Array(8_000)], 'a "b".wav')

export function soundTests(client: MakeClient, told: () => At): void {
  test('transcribes: charged by seconds where the engine tells seconds', async () => {
    const { model, engine, apiKey, baseURL } = told()
    const { data, response } = await client()
      .audio.transcriptions.create({
        model,
        file: recording('seconds=7'),
        language: 'en',
        temperature: 0.5,
        timestamp_granularities: ['word'],
      })
      .withResponse()
    expect(data.text).toBe(SPOKEN)
    expect(data.usage).toMatchObject({ type: 'tokens', input_tokens: 700, output_tokens: 0 })
    expect(engine.bodies.at(-1)).toMatchObject({
      model: [ENGINE_MODEL],
      language: ['en'],
      temperature: ['0.5'],
      'timestamp_granularities[]': ['word'],
      file: ['a "b".wav', expect.any(String), `RIFF\r\n--x\r\nseconds=7${'\0'.repeat(8_000)}`],
    })
    const id = response.headers.get('x-receipt-id') ?? ''
    const receipt = await fetch(`${baseURL}/aci/receipts/${id}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    })
    expect(usageOf(await receipt.json())).toMatchObject({
      prompt_tokens: 700,
      completion_tokens: 0,
    })
  })

  test('transcribes in detail', async () => {
    const { model } = told()
    const file = recording('seconds=3')
    const format = { model, file, response_format: 'verbose_json' } as const
    const answer = await client().audio.transcriptions.create(format)
    expect(answer).toMatchObject({ text: SPOKEN, language: 'en', duration: 3, segments: [] })
  })

  test('streams a transcription in OpenAI’s events, whatever the engine’s', async () => {
    const { model } = told()
    const body = { model, file: recording('seconds=2'), stream: true } as const
    const deltas: string[] = []
    const ends: unknown[] = []
    for await (const event of await client().audio.transcriptions.create(body)) {
      if (event.type === 'transcript.text.delta') deltas.push(event.delta)
      else ends.push(event)
    }
    expect(deltas).toHaveLength(4)
    expect(ends).toMatchObject([
      {
        type: 'transcript.text.done',
        text: deltas.join(''),
        usage: { input_tokens: 200, output_tokens: 4 },
      },
    ])
    expect(deltas.join('')).toBe(SPOKEN)
  })

  test('a transcription that breaks off throws', async () => {
    const { model } = told()
    const body = { model, file: recording('die'), stream: true } as const
    const read = async () => {
      for await (const _ of await client().audio.transcriptions.create(body));
    }
    await expect(read()).rejects.toThrow('broke')
  })

  test.each([
    ['a format that is no JSON', { response_format: 'srt' as const }, 'response_format'],
    ['a recording that is empty', { file: new File([], 'a.wav') }, null],
  ])('refuses %s', async (_, more, param) => {
    const { model } = told()
    const asked = client().audio.transcriptions.create({ model, file: recording('x'), ...more })
    await expect(asked).rejects.toMatchObject({ status: 400, param })
  })

  test('charges no more for a transcription than its bytes can hold', async () => {
    const { model } = told()
    const file = recording('seconds=100000')
    const { usage } = await client().audio.transcriptions.create({ model, file })
    // Some 9,000 bytes of form at 400 a second.
    expect(usage).toMatchObject({ input_tokens: expect.closeTo(2_300, -3) })
  })

  test('charges nothing for a transcription whose length nobody tells', async () => {
    const { model, payer } = told()
    const before = await payer.read()
    const asked = client().audio.transcriptions.create({ model, file: recording('no usage') })
    await expect(asked).rejects.toMatchObject({ status: 502, code: 'engine_no_usage' })
    await until(
      'it is settled',
      () => payer.read(),
      ({ held }) => held === 0n,
    )
    expect((await payer.read()).available).toBe(before.available)
  })
}
