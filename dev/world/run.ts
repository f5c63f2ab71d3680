import { rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { unixSeconds } from '#base/brand.ts'
import { simulationJson } from '#client'
import { PartError } from './part.ts'
import { readPorts } from './ports.ts'
import { SIMULATED_MACHINES, simulationOf } from './simulated-tee.ts'
import { startWorld, type World, type WorldEngine, type WorldOptions } from './world.ts'

export interface RunOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly out: (line: string) => void
  readonly err: (line: string) => void
  readonly stopped: AbortSignal
  /** Where the gateway runs. */
  readonly platform: 'node' | 'workerd'
}

/** Runs a world until it is asked to stop. @returns an exit code */
export async function runWorld(options: RunOptions): Promise<number> {
  const { env, cwd, out, err, stopped, platform } = options
  const folder = join(cwd, '.cocoon')
  let world: World
  try {
    world = await startWorld({
      ports: readPorts(env),
      machines: SIMULATED_MACHINES,
      folder: join(folder, 'world'),
      platform,
      progress: (step) => out(`  ${step} …`),
      ...engineOf(env),
    })
  } catch (error) {
    if (!(error instanceof PartError)) throw error
    err(`cocoon: ${error.message}`)
    if (env['ENGINE_URL'] && error.message.startsWith('runner')) {
      err('ENGINE_URL is set: is that server up, and does its /models list ENGINE_MODEL?')
    }
    return 1
  }
  const file = join(folder, 'dev.json')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // Holds an API key and the admin key of this world: readable by this user only, gone with the world (M18).
  await writeFile(file, `${JSON.stringify(world.info, null, 2)}\n`, { mode: 0o600 })
  // The roots of this world, for `cocoon connect --dev`: nothing in it is secret.
  const rootsFile = join(folder, 'simulation.json')
  await writeFile(rootsFile, JSON.stringify(await simulationFile(world)))
  const forget = (): void => {
    for (const path of [file, rootsFile]) rmSync(path, { force: true })
  }
  process.once('exit', forget)
  welcome(world, out)
  const ended = await Promise.race([untilAborted(stopped), partEnded(world)])
  forget()
  await world.stop()
  if (ended === undefined) return 0
  err(
    `cocoon: the ${ended} ended by itself; everything else was stopped. Run it again, and report it if it repeats.`,
  )
  return 1
}

async function simulationFile({ tee }: World) {
  const { anchors, collateral } = await simulationOf(tee)
  const created = unixSeconds(Math.floor(Date.now() / 1000))
  return simulationJson({ anchors, collateral, created })
}

/** `ENGINE_URL` puts any OpenAI-compatible engine behind the same path. */
function engineOf(env: RunOptions['env']): Pick<WorldOptions, 'engine'> | object {
  const url = env['ENGINE_URL']
  if (url === undefined || url === '') return {}
  if (!URL.canParse(url)) throw new PartError('ENGINE_URL is not a URL')
  const model = env['ENGINE_MODEL'] ?? 'engine'
  const engine: WorldEngine = {
    model,
    engine: {
      kind: 'openai-url',
      url,
      apiKey: env['ENGINE_API_KEY'],
      engineModel: env['ENGINE_MODEL'],
    },
    // Nobody measured these weights; the world lists the placeholder that its simulated machine reports.
    weights: `sha256:${'0'.repeat(64)}`,
  }
  return { engine }
}

function welcome({ info }: World, out: (line: string) => void): void {
  const [model = ''] = info.models
  out(`
Cocoon runs on this machine. The confidential hardware is SIMULATED: nothing here protects a secret.

  page       ${info.webUrl}
  base URL   ${info.baseUrl}
  API key    ${info.apiKey}
  model      ${model}

Try it:

  curl -N ${info.baseUrl}/chat/completions \\
    -H 'authorization: Bearer ${info.apiKey}' -H 'content-type: application/json' \\
    -d '{"model":"${model}","stream":true,"messages":[{"role":"user","content":"Who are you?"}]}'

All of this stands in .cocoon/dev.json while it runs. Ctrl-C stops everything.`)
}

function untilAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}

async function partEnded(world: World): Promise<string> {
  const parts = [world.chain, world.gateway, world.runner, world.secondRunner].filter(
    (part) => part !== undefined,
  )
  return Promise.race(parts.map(({ name, ended }) => ended.then(() => name)))
}
