import { expect, test } from 'vitest'
import type { At, MakeClient } from '../at.ts'

/** What was before chats. */
export function completionTests(client: MakeClient, told: () => At): void {
  test('completes in the old way, with logprobs in their old shape', async () => {
    const { model } = told()
    const answer = await client().completions.create({ model, prompt: 'Hi', logprobs: 1 })
    expect(answer).toMatchObject({ object: 'text_completion', choices: [{ text: 'Hi' }] })
    expect(answer.choices[0]?.logprobs).toEqual({
      tokens: ['Hi'],
      token_logprobs: [-0.5],
      top_logprobs: [{ Hi: -0.5 }],
      text_offset: [0],
    })
    let text = ''
    const body = { model, prompt: 'Hi', stream: true as const }
    for await (const chunk of await client().completions.create(body))
      text += chunk.choices[0]?.text
    expect(text).toBe('Hi')
  })
}
