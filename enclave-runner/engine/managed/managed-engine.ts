import { rmSync } from 'node:fs'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Clock, Random } from '#base/brand.ts'
import { backOffMs } from '../../back-off.ts'
import type { Log, Wait } from '../../runtime.ts'
import type { Endpoint, Engine, Features } from '../engine.ts'
import { EngineError } from '../engine-error.ts'
import { openOpenAiEngine } from '../openai/openai-engine.ts'
import type { UpstreamTimeouts } from '../openai/upstream.ts'
import { type Confinement, openConfinement } from './confinement.ts'
import { type EngineProcess, findProgram, startProcess } from './engine-process.ts'
import { ENGINE_ENVIRONMENT, PROGRAMS, type ProgramName } from './programs.ts'
import { warmUp } from './warm-up.ts'

export interface ManagedEngineOptions {
  readonly program: ProgramName
  /** Folders in which the program is looked for, from the measured image. */
  readonly path: string
  readonly weightsPath: string
  readonly model: string
  readonly capacity: number
  readonly contextLength: number | undefined
  /** Believed where the engine does not tell them. */
  readonly inputModalities: Features['input_modalities']
  /** Another user without a network: production knows no other way. */
  readonly confined: boolean
  readonly timeouts: UpstreamTimeouts
}

export interface ManagedEngineDeps {
  readonly clock: Clock
  readonly random: Random
  readonly wait: Wait
  readonly log: Log
}

/** Loading some hundred gigabytes of weights takes this long at most. */
const START_MS = 30 * 60_000
const PROBE_MS = 500
const HEALTH_MS = 5_000
/** An engine that answers so many checks in a row with silence hangs: it is started anew. */
const MAX_SILENT = 6
/** One that ran this long was sound: its restart is not held back. */
const GOOD_MS = 60_000

/**
 * Starts an engine and keeps it running: command line and environment by code, a socket for its only way in, warm-up
 * before it counts as ready, restart with back-off when it ends or hangs.
 * @returns when it has served its first tokens
 * @throws EngineError when the program is missing, cannot be confined, or ends before it was ever ready
 */
export async function openManagedEngine(
  options: ManagedEngineOptions,
  deps: ManagedEngineDeps,
): Promise<Engine> {
  const command = findProgram(options.program, options.path)
  const folder = await mkdtemp(join(tmpdir(), 'engine-'))
  const confinement = options.confined ? await openConfinement(basename(folder)) : undefined
  await prepareFolder(folder, confinement)
  const stop = new AbortController()
  const launch = (): EngineProcess => launchIn(options, { command, folder, confinement })
  const connect = (): Promise<Engine> => connectTo(options, socketIn(folder), deps.random)
  const state: State = { process: undefined, engine: undefined }
  const release = async (): Promise<void> => {
    stop.abort()
    await state.process?.stop()
    drop(state)
    await confinement?.close()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await bringUp(state, { launch, connect, wait: deps.wait, stop: stop.signal })
  } catch (error) {
    await release()
    throw error
  }
  const kept = keepUp(state, { launch, connect, ...deps, stop: stop.signal })
  return facade(state, options, async () => {
    stop.abort()
    await release()
    await kept
  })
}

interface State {
  process: EngineProcess | undefined
  /** The engine while it is ready. */
  engine: Engine | undefined
}

interface Launch {
  readonly launch: () => EngineProcess
  readonly connect: () => Promise<Engine>
  readonly wait: Wait
  readonly stop: AbortSignal
}

/** An engine whose process comes and goes. */
function facade(
  state: State,
  { program, contextLength }: ManagedEngineOptions,
  close: () => Promise<void>,
): Engine {
  const first = state.engine
  const ready = (): Engine => {
    if (state.engine === undefined) {
      throw new EngineError('engine_unreachable', 'the engine is being started')
    }
    return state.engine
  }
  return {
    fingerprint: `${program}:${first?.fingerprint ?? 'unknown'}`,
    endpoints: first?.endpoints ?? new Set<Endpoint>(),
    features: first?.features ?? { supported_parameters: [], input_modalities: [] },
    contextLength: first?.contextLength ?? contextLength ?? 0,
    countPrompt: async (endpoint, body) => ready().countPrompt(endpoint, body),
    run: (request) => ready().run(request),
    healthy: async () => (await state.engine?.healthy()) ?? false,
    close,
  }
}

/** From now on requests are told that the engine is away. */
function drop(state: State): void {
  const lost = state.engine
  state.engine = undefined
  void lost?.close()
}

/** Starts the process and waits until it answers and has produced a token. */
async function bringUp(state: State, { launch, connect, wait, stop }: Launch): Promise<void> {
  const process = launch()
  state.process = process
  let isOver = false
  void process.ended.then(() => {
    isOver = true
    if (state.process === process) drop(state)
  })
  for (let waited = 0; waited < START_MS && !stop.aborted; waited += PROBE_MS) {
    if (isOver) throw new EngineError('engine_failed', 'the engine ended before it was ready')
    const engine = await connect().catch(() => undefined)
    if (engine !== undefined) {
      await warmUp(engine)
      state.engine = engine
      return
    }
    await wait(PROBE_MS, stop)
  }
  throw new EngineError('engine_timeout', 'the engine was not ready in time')
}

/** Watches until `stop`: brings the engine up again whenever it ended or hangs. */
async function keepUp(state: State, deps: Launch & ManagedEngineDeps): Promise<void> {
  const { stop, clock, log, random, wait } = deps
  let failures = 0
  let since = clock()
  while (!stop.aborted) {
    const reason = await untilLost(state, deps)
    if (stop.aborted) return
    failures = clock() - since >= GOOD_MS ? 1 : failures + 1
    log('error', 'engine lost', { reason, failures })
    drop(state)
    await state.process?.stop()
    await wait(backOffMs(failures, random), stop)
    if (stop.aborted) return
    await bringUp(state, deps).then(
      () => {
        since = clock()
        log('info', 'engine restarted', { failures })
      },
      () => log('error', 'engine not restarted', { failures }),
    )
  }
}

/** @returns why the engine is of no more use */
async function untilLost(
  { process, engine }: State,
  { wait, stop }: Launch,
): Promise<'ended' | 'hangs'> {
  if (process === undefined || engine === undefined) return 'ended'
  const over = new AbortController()
  const signal = AbortSignal.any([stop, over.signal])
  const ended = process.ended.then(() => 'ended' as const)
  try {
    return await Promise.race([ended, untilSilent(engine, wait, signal)])
  } finally {
    over.abort()
  }
}

async function untilSilent(engine: Engine, wait: Wait, stop: AbortSignal): Promise<'hangs'> {
  let silent = 0
  while (!stop.aborted && silent < MAX_SILENT) {
    await wait(HEALTH_MS, stop)
    if (!stop.aborted) silent = (await engine.healthy()) ? 0 : silent + 1
  }
  return 'hangs'
}

/** Only the engine's user may make files in its folder; whoever else looks in sees the socket's name. */
async function prepareFolder(folder: string, confinement: Confinement | undefined): Promise<void> {
  await chmod(folder, 0o700)
  if (confinement !== undefined) await chown(folder, confinement.uid, confinement.uid)
}

function socketIn(folder: string): string {
  return join(folder, 'engine.sock')
}

function launchIn(
  options: ManagedEngineOptions,
  at: { command: string; folder: string; confinement: Confinement | undefined },
): EngineProcess {
  const socket = socketIn(at.folder)
  // One that died left its socket behind, on which nobody can listen again.
  rmSync(socket, { force: true })
  const args = PROGRAMS[options.program].arguments({ ...options, socket })
  const [command, all] = at.confinement?.wrap(at.command, args) ?? [at.command, args]
  const env = { ...ENGINE_ENVIRONMENT, PATH: options.path, HOME: at.folder, TMPDIR: at.folder }
  return startProcess(command, all, { cwd: at.folder, env })
}

function connectTo(
  { model, inputModalities, timeouts }: ManagedEngineOptions,
  socket: string,
  random: Random,
): Promise<Engine> {
  return openOpenAiEngine({
    url: `unix:${socket}`,
    apiKey: undefined,
    publicModel: model,
    engineModel: model,
    contextLength: undefined,
    inputModalities,
    timeouts,
    random,
  })
}
