import { readFile } from 'node:fs/promises'
import type { Clock, Random } from '#base/brand.ts'
import type { EngineConfig, ModelConfig } from '../config.ts'
import type { Log, Wait } from '../runtime.ts'
import { createDemoEngine } from './demo/demo-engine.ts'
import type { Engine } from './engine.ts'
import { EngineError } from './engine-error.ts'
import { openManagedEngine } from './managed/managed-engine.ts'
import { openOpenAiEngine } from './openai/openai-engine.ts'
import { createScriptedEngine, parseScript } from './scripted.ts'
import { measureWeights, type Progress } from './weights.ts'

export interface OpenedEngine {
  readonly engine: Engine
  /** `sha256:<hex>` of the weights, for the keyset's subject. */
  readonly weights: string
}

interface EngineDeps {
  readonly clock: Clock
  readonly random: Random
  readonly wait: Wait
  readonly log: Log
  /** Requests at once. */
  readonly capacity: number
  readonly verifiedWeights?: VerifiedWeights | undefined
}

/** The digest of weights whose every read the kernel verifies; undefined for any others. Only a measured image has it. */
export type VerifiedWeights = (path: string) => string | undefined

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
    const weights = await checkWeights(weightsPath, model, deps)
    const bytes = new Uint8Array(await readFile(weightsPath))
    return { engine: createDemoEngine({ weights: bytes, ...deps }), weights }
  },
  async managed({ program, path, weightsPath, confined }, model, deps) {
    // Measured first: an engine never sees weights of another model.
    const weights = await checkWeights(weightsPath, model, deps)
    const { capacity } = deps
    const engine = await openManagedEngine(
      {
        program,
        path,
        weightsPath,
        model: model.id,
        capacity,
        contextLength: model.contextLength,
        inputModalities: model.inputModalities,
        confined,
        timeouts: TIMEOUTS,
      },
      deps,
    )
    return { engine, weights }
  },
  async 'openai-url'({ url, apiKey, engineModel }, model, { random }) {
    const engine = await openOpenAiEngine({
      url,
      apiKey,
      engineModel,
      publicModel: model.id,
      contextLength: model.contextLength,
      inputModalities: model.inputModalities,
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

/** Measures the weights and compares them with what the configuration expects. @throws EngineError */
async function checkWeights(path: string, model: ModelConfig, deps: EngineDeps): Promise<string> {
  const digest = deps.verifiedWeights?.(path) ?? (await measured(path, deps))
  if (model.weights !== undefined && model.weights !== digest) {
    throw new EngineError('engine_failed', 'the weights have another digest than configured')
  }
  return digest
}

async function measured(path: string, deps: EngineDeps): Promise<string> {
  const { digest, files } = await measureWeights(path, slowly(deps))
  deps.log('info', 'weights measured', { digest, files: files.length })
  return digest
}

const PROGRESS_MS = 10_000

/** Hundreds of gigabytes take minutes: says so now and then. */
function slowly({ clock, log }: EngineDeps): Progress {
  let last = clock()
  return (done, total) => {
    if (clock() - last < PROGRESS_MS) return
    last = clock()
    log('info', 'measuring weights', { percent: Math.floor((100 * done) / total) })
  }
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
