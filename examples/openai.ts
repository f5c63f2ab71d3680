import OpenAI from 'openai'
import { readWorld } from './world.ts'

const { baseURL, apiKey, model } = readWorld()
const client = new OpenAI({ baseURL, apiKey })

const answer = await client.chat.completions.create({
  model,
  messages: [{ role: 'user', content: 'Who are you?' }],
})
console.log('answer:', answer.choices[0]?.message.content)

const stream = await client.chat.completions.create({
  model,
  messages: [{ role: 'user', content: 'Tell me a story.' }],
  max_tokens: 40,
  stream: true,
})
process.stdout.write('stream: ')
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? '')

const { data } = await client.embeddings.create({ model, input: 'a sentence' })
console.log('\nembedding:', data[0]?.embedding.length, 'numbers')
