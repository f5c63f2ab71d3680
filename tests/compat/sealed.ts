import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import type { VerifiedReceipt } from '#client'
import { until } from '../support/account.ts'
import { SPOKEN } from '../support/engine-server.ts'
import { type At, SENTENCE } from './at.ts'

/** The same clients over the sealed `fetch`: what they get is opened and its receipt checked on this machine. */
export function sealedSuite(told: () => At): void {
  describe('sealed end to end', () => {
    const openai = () => {
      const { baseURL, apiKey, sealed } = told()
      return new OpenAI({ baseURL, apiKey, fetch: sealed.fetch, maxRetries: 0 })
    }
    const anthropic = () => {
      const { baseURL, apiKey, sealed } = told()
      const root = baseURL.replace(/\/v1$/, '')
      return new Anthropic({ baseURL: root, apiKey, fetch: sealed.fetch, maxRetries: 0 })
    }
    /** The receipts of what `ask` caused: each was checked against the bytes that this machine saw. */
    const receiptsOf = async (ask: () => Promise<unknown>): Promise<readonly VerifiedReceipt[]> => {
      const { receipts } = told()
      const before = receipts.length
      await ask()
      return until(
        'the receipt is checked',
        async () => receipts.slice(before),
        (found) => found.length > 0,
      )
    }

    test('a Response, streamed', async () => {
      const { model } = told()
      const [receipt] = await receiptsOf(async () => {
        const final = await openai().responses.stream({ model, input: 'hi' }).finalResponse()
        expect(final).toMatchObject({ status: 'completed', output_text: SENTENCE })
        expect(final.usage?.output_tokens).toBeGreaterThan(0)
      })
      expect(receipt?.cost).toBeGreaterThan(0n)
    })

    test('a Response, whole, and its refusal of a state', async () => {
      const { model } = told()
      const whole = await openai().responses.create({ model, input: 'think' })
      expect(whole.output_text).toBe('So it is.')
      const asked = openai().responses.create({ model, input: 'hi', background: true })
      await expect(asked).rejects.toMatchObject({ status: 400, param: 'background' })
    })

    test('a message of Anthropic’s, streamed and whole', async () => {
      const messages = [{ role: 'user' as const, content: 'hi' }]
      const body = { model: told().model, max_tokens: 100, messages }
      const [receipt] = await receiptsOf(async () => {
        const streamed = await anthropic().messages.stream(body).finalMessage()
        expect(streamed.content).toMatchObject([{ text: SENTENCE }])
      })
      expect(receipt?.cost).toBeGreaterThan(0n)
      const whole = await anthropic().messages.create(body)
      expect(whole.content).toMatchObject([{ text: SENTENCE }])
    })

    test('a transcription, its receipt checked', async () => {
      const file = new File([`seconds=3${' '.repeat(4_000)}`], 'a.wav')
      const [receipt] = await receiptsOf(async () => {
        const body = { model: told().model, file, stream: true } as const
        let text = ''
        for await (const event of await openai().audio.transcriptions.create(body)) {
          if (event.type === 'transcript.text.done') text = event.text
        }
        expect(text).toBe(SPOKEN)
      })
      expect(receipt?.cost).toBeGreaterThan(0n)
      expect(told().engine.bodies.at(-1)).toMatchObject({
        file: ['a.wav', 'application/octet-stream', `seconds=3${' '.repeat(4_000)}`],
      })
    })

    test('a count of tokens', async () => {
      const messages = [{ role: 'user' as const, content: 'one two three' }]
      const [receipt] = await receiptsOf(async () => {
        const count = await anthropic().messages.countTokens({ model: told().model, messages })
        expect(count.input_tokens).toBe(4)
      })
      expect(receipt?.cost).toBe(0n)
    })

    test('embeddings by base64', async () => {
      const { model } = told()
      const { data } = await openai().embeddings.create({ model, input: 'a' })
      expect(data[0]?.embedding).toHaveLength(8)
    })
  })
}
