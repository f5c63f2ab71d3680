import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { connect, parseSimulation, simulationJson } from '#client'
import { type LocalProxy, startProxy } from '#client/proxy'
import { simulationOf } from '#dev/world/simulated-tee.ts'
import type { World } from '#dev/world/world.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'

/** Clients and runtimes of other makers, fetched from their registries. Without a registry the tests say so. */
const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '../..')
const RUNTIMES = ['deno@2.9.6', 'bun@1.4.5']
const PYTHON_OPENAI = 'openai==1.109.1'
const TOKEN = 'local-token'

let world: World
let simulation: string
let proxy: LocalProxy
const folder = mkdtempSync(join(tmpdir(), 'cocoon-foreign-'))

beforeAll(async () => {
  world = await openWorld()
  const { info } = world
  const created = unixSeconds(Math.floor(Date.now() / 1000))
  simulation = JSON.stringify(simulationJson({ ...(await simulationOf(world.tee)), created }))
  const connection = await connect({
    baseURL: info.baseUrl,
    apiKey: info.apiKey,
    registry: { endpoints: [info.chainUrl], address: info.registryAddress },
    allowSimulated: true,
    simulation: parseSimulation(JSON.parse(simulation), created),
  })
  const settings = { host: '127.0.0.1', port: 0, origins: [], hostNames: [], token: TOKEN }
  proxy = await startProxy(connection, settings)
}, WORLD_START_MS)
afterAll(async () => {
  await proxy?.close()
  await world?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** @returns why it failed, or undefined */
async function attempt(command: string, ...args: readonly string[]): Promise<string | undefined> {
  try {
    await run(command, args, { cwd: folder })
    return undefined
  } catch (error) {
    return `${command} ${args.join(' ')}: ${String(error).split('\n')[0]}`
  }
}

const PYTHON = `
import sys
from openai import NotFoundError, OpenAI

client = OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
asked = dict(model=sys.argv[3], messages=[{"role": "user", "content": "Who are you?"}], max_tokens=12, seed=3)
whole = client.chat.completions.create(**asked)
stream = client.chat.completions.create(**asked, stream=True)
text = "".join(part.choices[0].delta.content or "" for part in stream if part.choices)
assert text and text == whole.choices[0].message.content, (text, whole)
assert whole.usage.completion_tokens > 0
assert sys.argv[3] in [model.id for model in client.models.list()]
try:
    client.chat.completions.create(**{**asked, "model": "no-such-model"})
    raise AssertionError("an unknown model was answered")
except NotFoundError as error:
    assert error.code == "model_not_found", error
print("ok")
`

test('the openai package for Python works unmodified through cocoon connect', async (context) => {
  const python = join(folder, 'venv/bin/python')
  const reason =
    (await attempt('python3', '-m', 'venv', 'venv')) ??
    (await attempt(python, '-m', 'pip', 'install', '--quiet', PYTHON_OPENAI))
  if (reason !== undefined) context.skip(`Python’s client could not be fetched: ${reason}`)
  writeFileSync(join(folder, 'ask.py'), PYTHON)
  const model = world.info.models[0] ?? ''
  const { stdout } = await run(python, ['ask.py', `${proxy.origin}/v1`, TOKEN, model], {
    cwd: folder,
  })
  expect(stdout.trim()).toBe('ok')
})

/** The library as a bundler makes it: one file, nothing of Node. */
const SCRIPT = `
import { connect, parseSimulation } from '#client'
const { now, simulation, ...given } = JSON.parse(GIVEN)
const cocoon = await connect({ ...given.options, simulation: parseSimulation(simulation, now) })
const body = { model: given.model, stream: true, max_tokens: 8, messages: [{ role: 'user', content: 'Who are you?' }] }
const response = await cocoon.fetch(cocoon.baseURL + '/chat/completions', { method: 'POST', body: JSON.stringify(body) })
const text = await response.text()
const receipt = await cocoon.receiptOf(response)
const [runner] = cocoon.verification.runners
console.log(JSON.stringify({ done: text.includes('data: [DONE]'), suite: runner.suite, tokens: receipt.usage.completion_tokens }))
`

async function bundle(): Promise<string> {
  const { info } = world
  const given = {
    now: Math.floor(Date.now() / 1000),
    simulation: JSON.parse(simulation),
    model: info.models[0],
    options: {
      baseURL: info.baseUrl,
      apiKey: info.apiKey,
      registry: { endpoints: [info.chainUrl], address: info.registryAddress },
      allowSimulated: true,
    },
  }
  const file = join(folder, 'client.mjs')
  await build({
    stdin: { contents: SCRIPT, resolveDir: ROOT },
    define: { GIVEN: JSON.stringify(JSON.stringify(given)) },
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    logLevel: 'silent',
  })
  return file
}

describe('the client library runs on', () => {
  let reason: string | undefined
  beforeAll(async () => {
    // Without their install scripts: the binaries lie in the packages.
    const flags = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--silent']
    reason = await attempt('npm', ...flags, ...RUNTIMES)
  }, 300_000)

  test.for([
    ['Deno', '@deno', 'deno', ['run', '--allow-net']],
    ['Bun', '@oven', 'bin/bun', ['run']],
  ] as const)('%s', async ([name, scope, path, flags], context) => {
    if (reason !== undefined) context.skip(`${name} could not be fetched: ${reason}`)
    const modules = join(folder, 'node_modules', scope)
    const binary = join(modules, readdirSync(modules)[0] ?? '', path)
    chmodSync(binary, 0o755)
    const { stdout } = await run(binary, [...flags, await bundle()], { cwd: folder })
    expect(JSON.parse(stdout)).toEqual({
      done: true,
      suite: 'ehbp-mlkem768-x25519',
      tokens: expect.any(Number),
    })
  })
})
