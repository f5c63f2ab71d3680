import OpenAI from 'openai'
import OpenAI6 from 'openai6'
import { afterAll, beforeAll } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import {
  type Connection,
  connect,
  parseSimulation,
  simulationJson,
  type VerifiedReceipt,
} from '#client'
import { simulationOf } from '#dev/world/simulated-tee.ts'
import type { World } from '#dev/world/world.ts'
import { newPayer, readyPayer } from '../support/account.ts'
import { type EngineServer, startEngineServer } from '../support/engine-server.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'
import { aiSdkSuite } from './ai-sdk.ts'
import { anthropicSuite } from './anthropic.ts'
import { type At, engineOf, MODEL } from './at.ts'
import { curlSuite } from './curl.ts'
import { langchainSuite } from './langchain.ts'
import { openaiSuite } from './openai.ts'
import { sealedSuite } from './sealed.ts'

/** Other people's clients, unmodified, against a running gateway and a runner before a real HTTP engine. */
let world: World
let engine: EngineServer
let at: At

beforeAll(async () => {
  engine = await startEngineServer()
  world = await openWorld({ engine: engineOf(engine) })
  const { baseUrl: baseURL, apiKey } = world.info
  const poor = await newPayer(world)
  const receipts: VerifiedReceipt[] = []
  const sealed = await connectSealed(world, receipts)
  const payer = readyPayer(world)
  at = { baseURL, apiKey, poorKey: poor.apiKey, model: MODEL, engine, payer, sealed, receipts }
}, WORLD_START_MS)
afterAll(async () => {
  await world?.stop()
  await engine?.close()
})

const told = (): At => at

async function connectSealed(
  { info, tee }: World,
  receipts: VerifiedReceipt[],
): Promise<Connection> {
  const now = unixSeconds(Math.floor(Date.now() / 1000))
  const file = JSON.stringify(simulationJson({ ...(await simulationOf(tee)), created: now }))
  return connect({
    baseURL: info.baseUrl,
    apiKey: info.apiKey,
    registry: { endpoints: [info.chainUrl], address: info.registryAddress },
    allowSimulated: true,
    simulation: parseSimulation(JSON.parse(file), now),
    onReceipt: (receipt) => receipts.push(receipt),
  })
}

openaiSuite('openai 7', OpenAI, told)
// Sound: what the tests use of it is the same in both major versions.
openaiSuite('openai 6', OpenAI6 as unknown as typeof OpenAI, told)
aiSdkSuite(told)
langchainSuite(told)
anthropicSuite(told)
curlSuite(told)
sealedSuite(told)
