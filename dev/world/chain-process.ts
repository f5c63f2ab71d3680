import { startDevChain } from '../chain/start-dev-chain.ts'
import { runPart } from './part.ts'

export interface ChainSettings {
  readonly port: number
}

export interface ChainReady {
  readonly endpoint: string
}

runPart<ChainSettings, ChainReady>(async ({ port }) => {
  const chain = await startDevChain({ port })
  return { ready: { endpoint: chain.endpoint }, close: () => chain.close() }
})
