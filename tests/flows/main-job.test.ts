import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, streamText } from 'ai'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { type Payer, readyPayer } from '../support/account.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'
import * as stranger from '../support/stranger.ts'

/** A fresh world, and clients that know a base URL and a key and nothing else. */
let world: World
let payer: Payer
let model: string

beforeAll(async () => {
  world = await openWorld({ machines: 2 })
  payer = readyPayer(world)
  model = world.info.models[0] ?? ''
}, WORLD_START_MS)
afterAll(() => world?.stop())

const messages = [{ role: 'user' as const, content: 'Who are you?' }]

describe('the official openai package', () => {
  const client = () =>
    new OpenAI({ baseURL: world.info.baseUrl, apiKey: world.info.apiKey, maxRetries: 0 })

  test('lists the model', async () => {
    const ids: string[] = []
    for await (const { id } of client().models.list()) ids.push(id)
    expect(ids).toEqual([model])
  })

  test('completes a chat', async () => {
    const answer = await client().chat.completions.create({ model, messages, max_tokens: 8 })
    expect(answer.choices[0]?.message.content).toMatch(/\w/)
    expect(answer.choices[0]?.finish_reason).toBe('length')
    expect(answer.usage).toMatchObject({ completion_tokens: 8 })
    expect(answer.model).toBe(model)
  })

  test('streams the same text as it completes, since the seed is the same', async () => {
    const body = { model, messages, max_tokens: 12, temperature: 0, seed: 7 }
    const whole = await client().chat.completions.create(body)
    let text = ''
    let finish: string | null | undefined
    const stream = await client().chat.completions.create({ ...body, stream: true })
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      finish = chunk.choices[0]?.finish_reason ?? finish
    }
    expect(text).toBe(whole.choices[0]?.message.content)
    expect(finish).toBe(whole.choices[0]?.finish_reason)
  })

  test('gets a usage chunk if it asked for one, with the cost; otherwise none', async () => {
    const usages = async (more: object) => {
      const found: unknown[] = []
      const body = { model, messages, max_tokens: 4, stream: true as const, ...more }
      for await (const chunk of await client().chat.completions.create(body)) {
        if (chunk.usage != null) found.push(chunk.usage)
      }
      return found
    }
    expect(await usages({})).toEqual([])
    const asked = await usages({ stream_options: { include_usage: true } })
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({
      completion_tokens: 4,
      cost_nano: expect.stringMatching(/^[1-9]/),
    })
  })

  test('aborts a stream, and the account pays for what had been produced', async () => {
    // An SDK leaves at [DONE]: the receipt behind it may still be on its way.
    const before = await payer.until('earlier receipts', ({ held }) => held === 0n)
    const { data: stream, response } = await client()
      .chat.completions.create({ model, messages, stream: true })
      .withResponse()
    for await (const chunk of stream) {
      if ((chunk.choices[0]?.delta.content ?? '') !== '') break
    }
    stream.controller.abort()
    const after = await payer.until('the receipt', ({ held }) => held === 0n)
    const receipt = await payer.receipt(response.headers.get('x-receipt-id') ?? '')
    const usage = stranger.usageOf(receipt)
    expect(usage.completion_tokens).toBeGreaterThan(0)
    expect(before.available - after.available).toBe(BigInt(usage.cost))
  })

  test('reads what the demonstration model does, by its own runner’s word', async () => {
    const answer = await fetch(`${world.info.baseUrl}/models/${model}`)
    const told = await answer.json()
    expect(told.endpoints).toEqual([
      '/v1/chat/completions',
      '/v1/completions',
      '/v1/embeddings',
      '/v1/responses',
      '/v1/messages',
      '/v1/messages/count_tokens',
    ])
    expect(told.input_modalities).toEqual(['text'])
    expect(told.supported_parameters).toEqual(expect.arrayContaining(['seed', 'logprobs']))
    for (const name of ['tools', 'response_format', 'n']) {
      expect(told.supported_parameters).not.toContain(name)
    }
  })

  test.each([
    ['a wrong key', { key: 'sk-coc-nonsense' }, 401, 'invalid_api_key'],
    ['an unknown model', { model: 'gpt-none' }, 404, 'model_not_found'],
    ['a bad parameter', { body: { n: 0 } }, 400, 'invalid_request'],
  ])('raises its own error for %s', async (_, change, status, code) => {
    const {
      key = world.info.apiKey,
      model: named = model,
      body = {},
    } = change as {
      key?: string
      model?: string
      body?: object
    }
    const wrong = new OpenAI({ baseURL: world.info.baseUrl, apiKey: key, maxRetries: 0 })
    const failed = wrong.chat.completions.create({ model: named, messages, ...body })
    await expect(failed).rejects.toBeInstanceOf(OpenAI.APIError)
    await expect(failed).rejects.toMatchObject({ status, code })
  })
})

describe('the Vercel AI SDK', () => {
  const provider = () =>
    createOpenAICompatible({
      name: 'cocoon',
      baseURL: world.info.baseUrl,
      apiKey: world.info.apiKey,
      includeUsage: true,
    })

  test('completes', async () => {
    const { text, usage } = await generateText({
      model: provider().chatModel(model),
      prompt: 'Who are you?',
      maxOutputTokens: 8,
    })
    expect(text).toMatch(/\w/)
    expect(usage.outputTokens).toBe(8)
  })

  test('streams', async () => {
    const result = streamText({
      model: provider().chatModel(model),
      prompt: 'Who are you?',
      maxOutputTokens: 8,
    })
    const parts: string[] = []
    for await (const part of result.textStream) parts.push(part)
    expect(parts.length).toBeGreaterThan(1)
    expect(await result.finishReason).toBe('length')
    expect((await result.usage).outputTokens).toBe(8)
  })
})

test('curl -N prints the stream as it comes, down to [DONE]', async () => {
  const { stdout } = await promisify(execFile)('curl', [
    '-sSN',
    `${world.info.baseUrl}/chat/completions`,
    ...['-H', `authorization: Bearer ${world.info.apiKey}`],
    ...['-H', 'content-type: application/json'],
    ...['-d', JSON.stringify({ model, messages, max_tokens: 4, stream: true })],
  ])
  const events = stdout.split('\n').filter((line) => line.startsWith('data: '))
  expect(events.length).toBeGreaterThan(2)
  expect(events.at(-1)).toBe('data: [DONE]')
})

/** By stranger.ts alone: Node's crypto and the published rules. */
describe('a stranger with the specification alone', () => {
  async function ask(stream: boolean, only?: string) {
    const provider = only === undefined ? {} : { provider: { only: [only] } }
    const body = JSON.stringify({ model, messages, max_tokens: 6, stream, ...provider })
    const before = await payer.read()
    const response = await fetch(`${world.info.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: payer.headers,
      body,
    })
    expect(response.status).toBe(200)
    const answer = Buffer.from(await response.arrayBuffer())
    const after = await payer.read()
    const header = (name: string) => response.headers.get(name) ?? ''
    return { body, before, after, answer, header, ...stranger.splitAnswer(answer) }
  }

  async function runnerOn(technology: string): Promise<string> {
    const { data } = await (await payer.get('/v1/runners')).json()
    const runners: { id: string; attestation: { technology: string } }[] = data
    return runners.find(({ attestation }) => attestation.technology === technology)?.id ?? ''
  }

  async function session(id: string) {
    const response = await fetch(`${world.info.baseUrl}/aci/sessions/${id}`)
    // Sound for tests: what is missing fails the check that reads it.
    return (await response.json()) as {
      nonce: string
      workload_keyset: stranger.KeysetDocument
      workload_keyset_digest: string
      evidence: { data: string; digest: string }
    }
  }

  test.each([false, true])('checks what an answer cost (stream: %s)', async (stream) => {
    const { before, after, receipt, header } = await ask(stream)
    const usage = stranger.usageOf(receipt)
    expect(receipt.receipt_id).toBe(header('x-receipt-id'))
    expect(usage.request).toBe(header('x-request-id'))
    expect(usage.completion_tokens).toBe(6)
    expect(BigInt(usage.cost)).toBe(stranger.costOf(usage))
    expect(before.available - after.available).toBe(BigInt(usage.cost))
    expect(after.held).toBe(0n)
    // The gateway keeps the same document.
    expect(await payer.receipt(receipt.receipt_id)).toEqual(receipt)
  })

  test.each([false, true])(
    'checks the receipt’s signature and commitments (stream: %s)',
    async (stream) => {
      const { body, covered, receipt, header } = await ask(stream)
      const document = await session(header('x-cocoon-session-id'))
      expect(stranger.isSigned(receipt, document.workload_keyset)).toBe(true)
      const altered = { ...receipt, model: 'another' }
      expect(stranger.isSigned(altered, document.workload_keyset)).toBe(false)
      const key = header('x-cocoon-commitment-key')
      const committed = stranger.eventOf(receipt, 'plaintext.committed')
      expect(committed['request']).toBe(stranger.hmac(key, Buffer.from(body)))
      expect(committed['response']).toBe(stranger.hmac(key, covered))
    },
  )

  test.each(['sev-snp', 'tdx'])(
    'follows the keyset from the receipt to the chip: digest, session, report data (%s)',
    async (technology) => {
      const { receipt, header } = await ask(false, await runnerOn(technology))
      const id = header('x-cocoon-session-id')
      const document = await session(id)
      // The document is the one that its address names.
      expect(stranger.sha256(stranger.canonical(document))).toBe(id)
      // The receipt's keyset is the attested one.
      const digest = `sha256:${stranger.sha256(stranger.canonical(document.workload_keyset))}`
      expect(document.workload_keyset_digest).toBe(digest)
      expect(receipt.workload_keyset_digest).toBe(digest)
      // The chip signed over that keyset and the gateway's challenge.
      const data = Buffer.from(document.evidence.data.split(',')[1] ?? '', 'base64')
      expect(document.evidence.digest).toBe(`sha256:${stranger.sha256(data)}`)
      const { attestation } = JSON.parse(data.toString())
      const statement = {
        keyset_digest: digest,
        nonce: document.nonce,
        purpose: 'aci.report_data.v1',
      }
      const { tee } = attestation.evidence
      expect(tee.type).toBe(technology)
      const quoted = stranger.reportDataOf(tee)
      expect(quoted).toBe(stranger.sha256(stranger.canonical(statement)) + '00'.repeat(32))
      // And the subject names who is paid.
      const { payee } = stranger.usageOf(receipt)
      const subject = new URL(document.workload_keyset.subject)
      expect(subject.searchParams.get('payee')).toBe(payee)
      expect(payee).toBe(world.payee)
    },
  )
})
