import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { streamText } from 'ai'
import { readWorld } from './world.ts'

const { baseURL, apiKey, model } = readWorld()
const cocoon = createOpenAICompatible({ name: 'cocoon', baseURL, apiKey })

const { textStream } = streamText({ model: cocoon(model), prompt: 'Who are you?' })
process.stdout.write('stream: ')
for await (const text of textStream) process.stdout.write(text)
process.stdout.write('\n')
