import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { until } from '../../support/account.ts'
import { type At, type MakeClient, SENTENCE } from '../at.ts'

const user = (content: string) => [{ role: 'user' as const, content }]

export function failureTests(client: MakeClient, told: () => At, Client: typeof OpenAI): void {
  test('raises AuthenticationError for a wrong key', async () => {
    const { model } = told()
    const asked = client({ apiKey: 'sk-coc-wrong' }).chat.completions.create({
      model,
      messages: user('hi'),
    })
    await expect(asked).rejects.toBeInstanceOf(Client.AuthenticationError)
    await expect(asked).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' })
  })

  test('asks once when the account is empty: 402', async () => {
    const { model, poorKey } = told()
    let asked = 0
    const counting = (url: string | URL | Request, init?: RequestInit) => {
      asked++
      return fetch(url, init)
    }
    const poor = client({ apiKey: poorKey, maxRetries: 2, fetch: counting })
    await expect(
      poor.chat.completions.create({ model, messages: user('hi') }),
    ).rejects.toMatchObject({ status: 402, code: 'insufficient_credits' })
    expect(asked).toBe(1)
  })

  test('asks once for what cannot succeed later', async () => {
    const { model, apiKey, baseURL } = told()
    const made = await fetch(`${baseURL}/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
      body: '{"sealed_only":true}',
    })
    const { key } = await made.json()
    const chat = { model, messages: user('hi') }
    const once = { 'Idempotency-Key': `once-${Math.random()}` }
    await client().chat.completions.create(chat, { headers: once })
    const statuses: number[] = []
    const counting = async (url: string | URL | Request, init?: RequestInit) => {
      const response = await fetch(url, init)
      statuses.push(response.status)
      return response
    }
    const patient = (more: object = {}) => client({ maxRetries: 2, fetch: counting, ...more })
    const asked: readonly (() => Promise<unknown>)[] = [
      async () => patient().chat.completions.create({ ...chat, n: 0 }),
      async () => patient({ apiKey: 'sk-coc-wrong' }).chat.completions.create(chat),
      async () => patient({ apiKey: key }).chat.completions.create(chat),
      async () => patient().chat.completions.create({ ...chat, model: 'none' }),
      async () => patient().chat.completions.create(chat, { headers: once }),
      async () => patient().files.list(),
    ]
    for (const ask of asked) await expect(ask()).rejects.toBeInstanceOf(Client.APIError)
    expect(statuses).toEqual([400, 401, 403, 404, 409, 501])
  })

  test('raises NotFoundError for an unknown model, BadRequestError for a bad parameter', async () => {
    const { model } = told()
    const unknown = client().chat.completions.create({ model: 'none', messages: user('hi') })
    await expect(unknown).rejects.toBeInstanceOf(Client.NotFoundError)
    await expect(unknown).rejects.toMatchObject({ code: 'model_not_found', param: 'model' })
    const bad = client().chat.completions.create({ model, messages: user('hi'), n: 0 })
    await expect(bad).rejects.toBeInstanceOf(Client.BadRequestError)
    await expect(bad).rejects.toMatchObject({ param: 'n' })
  })

  test('a part of the API that is not there is told as JSON', async () => {
    await expect(client().files.list()).rejects.toMatchObject({
      status: 501,
      code: 'not_implemented',
    })
  })

  test('retries by itself what may succeed later', async () => {
    const { model } = told()
    const text = `fail 1 503 ${Math.random()}`
    const answer = await client({ maxRetries: 2 }).chat.completions.create({
      model,
      messages: user(text),
    })
    expect(answer.choices[0]?.message.content).toBe(SENTENCE)
  })

  test('a stream that breaks off throws, and is not taken for an end', async () => {
    const { model } = told()
    const body = { model, messages: user('die'), stream: true as const }
    const stream = await client().chat.completions.create(body)
    const read = async () => {
      for await (const _ of stream);
    }
    await expect(read()).rejects.toMatchObject({ code: 'engine_failed' })
  })

  test('an abort stops the engine, and what was produced is paid', async () => {
    const { model, engine, payer } = told()
    const before = await payer.until('nothing is open', ({ held }) => held === 0n)
    const aborted = engine.aborted
    const body = { model, messages: user('forever'), stream: true as const, max_tokens: 50_000 }
    for await (const chunk of await client().chat.completions.create(body)) {
      if (chunk.choices[0]?.delta.content?.startsWith('on')) break
    }
    await until(
      'the engine is stopped',
      async () => engine.aborted,
      (now) => now > aborted,
    )
    const after = await payer.until('the receipt', ({ held }) => held === 0n)
    expect(after.available).toBeLessThan(before.available)
  })
}
