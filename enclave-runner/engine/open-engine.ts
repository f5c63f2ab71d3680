import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Clock, Random } from '#base/brand.ts'
import type { EngineConfig, ModelConfig } from '../config.ts'
import { createDemoEngine } from './demo/demo-engine.ts'
import type { Engine } from './engine.ts'
import { EngineError } from './engine-error.ts'
import { openOpenAiEngine } from './openai/openai-engine.ts'
import { createScriptedEngine, parseScript } from './scripted.ts'

export interface OpenedEngine {
  readonly engine: Engine
  /** `sha256:<hex>` of the weights, for the keyset's subject. */
  readonly weights: string
}

interface EngineDeps {
  readonly clock: Clock
  readonly random: Random
}

const TIMEOUTS = { connectMs: 5_000, firstByteMs: 600_000, idleMs: 120_000 }
const SCRIPTED_CONTEXT = 131_072
/** Stands for the weights of an engine that has none. */
const NO_WEIGHTS = `sha256:${'0'.repeat(64)}`

type Openers = {
  [Kind in EngineConfig['kind']]: (
    config: Extract<EngineConfig, { kind: Kind }>,
    model: ModelConfig,
    deps: EngineDeps,
  ) => Promise<OpenedEngine>
}

const OPENERS: Openers = {
  async demo({ weightsPath }, model, deps) {
    const weights = new Uint8Array(await readFile(weightsPath))
    const digest = `sha256:${createHash('sha256').update(weights).digest('hex')}`
    if (model.weights !== undefined && model.weights !== digest) {
      throw new EngineError('engine_failed', 'the weights file has another digest than configured')
    }
    return { engine: createDemoEngine({ weights, ...deps }), weights: digest }
  },
  async 'openai-url'({ url, apiKey, engineModel }, model, { random }) {
    const engine = await openOpenAiEngine({
      url,
      apiKey,
      engineModel,
      publicModel: model.id,
      contextLength: model.contextLength,
      timeouts: TIMEOUTS,
      random,
    })
    return { engine, weights: model.weights ?? NO_WEIGHTS }
  },
  async scripted({ script: text }, model) {
    const script = parseScript(text)
    if (script === undefined)
      throw new EngineError('engine_failed', 'the engine script is malformed')
    const contextLength = model.contextLength ?? SCRIPTED_CONTEXT
    return {
      engine: createScriptedEngine({ script, contextLength }),
      weights: model.weights ?? NO_WEIGHTS,
    }
  },
}

/** Opens the configured engine. @throws EngineError, GgufError */
export function openEngine(
  config: EngineConfig,
  model: ModelConfig,
  deps: EngineDeps,
): Promise<OpenedEngine> {
  // Sound: the opener is looked up by the configuration's own kind.
  const open = OPENERS[config.kind] as (
    config: EngineConfig,
    model: ModelConfig,
    deps: EngineDeps,
  ) => Promise<OpenedEngine>
  return open(config, model, deps)
}
