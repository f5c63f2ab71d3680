import OpenAI from 'openai'
import OpenAI6 from 'openai6'
import { afterAll, beforeAll } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { newPayer, readyPayer } from '../support/account.ts'
import { ENGINE_MODEL, type EngineServer, startEngineServer } from '../support/engine-server.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'
import { aiSdkSuite } from './ai-sdk.ts'
import { anthropicSuite } from './anthropic.ts'
import { type At, MODEL } from './at.ts'
import { curlSuite } from './curl.ts'
import { langchainSuite } from './langchain.ts'
import { openaiSuite } from './openai.ts'

/** Other people's clients, unmodified, against a running gateway and a runner before a real HTTP engine. */
let world: World
let engine: EngineServer
let at: At

beforeAll(async () => {
  engine = await startEngineServer()
  world = await openWorld({
    engine: {
      model: MODEL,
      engine: { kind: 'openai-url', url: engine.url, apiKey: undefined, engineModel: ENGINE_MODEL },
      weights: `sha256:${'0'.repeat(64)}`,
    },
  })
  const { baseUrl: baseURL, apiKey } = world.info
  const poor = await newPayer(world)
  at = { baseURL, apiKey, poorKey: poor.apiKey, model: MODEL, engine, payer: readyPayer(world) }
}, WORLD_START_MS)
afterAll(async () => {
  await world?.stop()
  await engine?.close()
})

const told = (): At => at

openaiSuite('openai 7', OpenAI, told)
// Sound: what the tests use of it is the same in both major versions.
openaiSuite('openai 6', OpenAI6 as unknown as typeof OpenAI, told)
aiSdkSuite(told)
langchainSuite(told)
anthropicSuite(told)
curlSuite(told)
