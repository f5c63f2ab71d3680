import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type At, SENTENCE } from './at.ts'

const run = promisify(execFile)

/** What the README tells people to type. */
export function curlSuite(told: () => At): void {
  describe('curl', () => {
    const curl = async (path: string, body: object | undefined, ...more: string[]) => {
      const { baseURL, apiKey } = told()
      const key = more.length > 0 && more[0]?.startsWith('sk-') ? (more.shift() ?? '') : apiKey
      const data = body === undefined ? [] : ['-d', JSON.stringify(body)]
      const headers = ['-H', `authorization: Bearer ${key}`, '-H', 'content-type: application/json']
      const { stdout } = await run('curl', [
        '-sN',
        '-w',
        '\n%{http_code}',
        ...more,
        `${baseURL}${path}`,
        ...headers,
        ...data,
      ])
      const at = stdout.lastIndexOf('\n')
      return { text: stdout.slice(0, at), status: Number(stdout.slice(at + 1)) }
    }
    const chat = (more: object = {}) => ({
      model: told().model,
      messages: [{ role: 'user', content: 'hi' }],
      ...more,
    })

    test('chats, and streams to [DONE]', async () => {
      const { text, status } = await curl('/chat/completions', chat())
      expect(status).toBe(200)
      expect(JSON.parse(text).choices[0].message.content).toBe(SENTENCE)
      const streamed = await curl('/chat/completions', chat({ stream: true }))
      const data = streamed.text.split('\n').filter((line) => line.startsWith('data: '))
      expect(data.at(-1)).toBe('data: [DONE]')
      expect(data.length).toBeGreaterThan(5)
    })

    test('finds a model by its id, the slash raw or coded, with and without /v1', async () => {
      const { model } = told()
      const bare = '../'
      for (const id of [model, encodeURIComponent(model)]) {
        for (const from of ['/models/', `/${bare}models/`]) {
          const { text, status } = await curl(from + id, undefined)
          expect({ status, id: JSON.parse(text).id }).toEqual({ status: 200, id: model })
        }
      }
    })

    test('a Response’s stream has named events, and no [DONE]', async () => {
      const { text } = await curl('/responses', { model: told().model, input: 'hi', stream: true })
      const lines = text.split('\n').filter((line) => /^(?:event|data): /.test(line))
      expect(lines[0]).toBe('event: response.created')
      expect(lines.at(-2)).toBe('event: response.completed')
      expect(text).not.toContain('[DONE]')
    })

    test('tools, structured output and embeddings are JSON in and out', async () => {
      const tools = [{ type: 'function', function: { name: 'add', parameters: {} } }]
      const called = JSON.parse((await curl('/chat/completions', chat({ tools }))).text)
      expect(called.choices[0].message.tool_calls[0].function.name).toBe('add')
      const response_format = { type: 'json_object' }
      const typed = JSON.parse((await curl('/chat/completions', chat({ response_format }))).text)
      expect(typed.choices[0].message.content).toBe('{"ok":true}')
      const vectors = JSON.parse(
        (await curl('/embeddings', { model: told().model, input: 'a' })).text,
      )
      expect(vectors.data[0].embedding).toHaveLength(8)
    })

    test.each([
      ['401', () => ['sk-coc-wrong'], {}, 401, 'invalid_api_key'],
      ['402', () => [told().poorKey], {}, 402, 'insufficient_credits'],
      ['404', () => [], { model: 'none' }, 404, 'model_not_found'],
      ['400', () => [], { n: 0 }, 400, 'invalid_request'],
    ])('%s is an error in JSON', async (_, more, body, status, code) => {
      const answer = await curl('/chat/completions', chat(body), ...more())
      expect(answer.status).toBe(status)
      expect(JSON.parse(answer.text).error.code).toBe(code)
    })

    test('retries what may succeed later, if told to', async () => {
      const messages = [{ role: 'user', content: `fail 1 503 ${Math.random()}` }]
      const { text } = await curl('/chat/completions', chat({ messages }), '--retry', '2')
      expect(text).toContain(SENTENCE)
    })

    test('a stream can be left in the middle', async () => {
      const messages = [{ role: 'user', content: 'forever' }]
      const left = curl('/chat/completions', chat({ messages, stream: true }), '--max-time', '1')
      await expect(left).rejects.toMatchObject({ code: 28 })
    })
  })
}
