import { readFileSync } from 'node:fs'
import { connect, parseSimulation } from 'cocoon-gateway/client'
import OpenAI from 'openai'
import { readWorld } from './world.ts'

// In production two independent TON endpoints of your own, and neither `simulation` nor `allowSimulated`:
//   await connect({ baseURL, registry: { endpoints: ['https://…', 'https://…'] } })
const { baseURL, apiKey, model } = readWorld()
const world = JSON.parse(readFileSync(process.env['COCOON_WORLD'] ?? '.cocoon/dev.json', 'utf8'))
const roots = (process.env['COCOON_WORLD'] ?? '.cocoon/dev.json').replace(
  'dev.json',
  'simulation.json',
)

const cocoon = await connect({
  baseURL,
  registry: { endpoints: [world.chainUrl], address: world.registryAddress },
  simulation: parseSimulation(
    JSON.parse(readFileSync(roots, 'utf8')),
    Math.floor(Date.now() / 1000),
  ),
  allowSimulated: true,
  onReceipt: ({ cost, usage }) =>
    console.log(`receipt: ${usage.completion_tokens} tokens for ${cost} nanoTON`),
})
const { status, runners } = cocoon.verification
console.log(`${status}: ${runners.map(({ technology }) => technology).join(', ')}`)

const client = new OpenAI({ baseURL: cocoon.baseURL, fetch: cocoon.fetch, apiKey })
const answer = await client.chat.completions.create({
  model,
  messages: [{ role: 'user', content: 'Who are you?' }],
})
console.log('answer:', answer.choices[0]?.message.content)
