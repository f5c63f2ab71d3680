import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePorts } from '#dev/world/ports.ts'
import { WORLD_START_MS } from '../support/open-world.ts'

/**
 * Each example as its reader runs it: in a project of their own, beside a world that `cocoon dev` started there, with
 * the package's bundle instead of this checkout's sources.
 */
const ROOT = join(import.meta.dirname, '..', '..')
const project = mkdtempSync(join(tmpdir(), 'cocoon-examples-'))
const worldFile = join(project, '.cocoon', 'dev.json')
const PACKAGES = ['openai', 'ai', '@ai-sdk/openai-compatible', '@langchain/openai']

let world: ChildProcess
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  link('node_modules')
  cpSync(join(ROOT, 'examples'), join(project, 'examples'), { recursive: true })
  const installed = join(project, 'node_modules', 'cocoon-gateway')
  mkdirSync(installed)
  cpSync(join(ROOT, 'package.json'), join(installed, 'package.json'))
  execFileSync(process.execPath, ['dev/bundle.ts', join(installed, 'dist')], { cwd: ROOT })
  world = spawn(process.execPath, [join(ROOT, 'cli/cocoon.mjs'), 'dev'], {
    cwd: project,
    stdio: 'ignore',
    env: { ...process.env, ...(await portSettings()) },
  })
  while (!existsSync(worldFile)) {
    if (world.exitCode !== null) throw new Error(`cocoon dev ended with ${world.exitCode}`)
    await wait(100)
  }
  const { baseUrl, apiKey } = JSON.parse(readFileSync(worldFile, 'utf8'))
  env = { ...process.env, COCOON_BASE_URL: baseUrl, COCOON_API_KEY: apiKey }
}, WORLD_START_MS)

afterAll(async () => {
  if (world?.exitCode === null) {
    const ended = new Promise((resolve) => world.once('exit', resolve))
    world.kill('SIGTERM')
    await ended
  }
  rmSync(project, { recursive: true, force: true })
})

/** The clients that readers install, taken from this checkout. */
function link(folder: string): void {
  for (const name of [...PACKAGES, ...dependencies()]) {
    const at = join(project, folder, name)
    mkdirSync(dirname(at), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), at)
  }
}

function dependencies(): readonly string[] {
  return Object.keys(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).dependencies)
}

async function portSettings(): Promise<Record<string, string>> {
  const ports = await freePorts()
  return {
    PORT: String(ports.gateway),
    CHAIN_PORT: String(ports.chain),
    RUNNER_PORT: String(ports.runner),
    RUNNER_ORIGIN_PORT: String(ports.runnerOrigin),
    SECOND_RUNNER_ORIGIN_PORT: String(ports.secondRunnerOrigin),
  }
}

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: project,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

const SAID = /^(?:answer|stream): \S/m

describe('the examples', () => {
  test.each(['openai.ts', 'ai-sdk.ts', 'langchain.ts'])('%s', (file) => {
    expect(run(process.execPath, `examples/${file}`)).toMatch(SAID)
  })

  test('sealed.ts verifies, seals, and gets the receipt of what it paid', () => {
    const printed = run(process.execPath, 'examples/sealed.ts')
    expect(printed).toMatch(/^simulated: (?:sev-snp|tdx)/m)
    expect(printed).toMatch(SAID)
    expect(printed).toMatch(/^receipt: [1-9]\d* tokens for [1-9]\d* nanoTON/m)
  })

  test('receipt.ts names the receipt of its own answer', () => {
    expect(run(process.execPath, 'examples/receipt.ts')).toMatch(
      /^receipt: req_[0-9a-f]{32} signed by receipt-/m,
    )
  })

  test('curl.sh', () => {
    expect(JSON.parse(run('sh', 'examples/curl.sh')).choices[0].message.content).not.toBe('')
  })

  test('the list in their README is whole', () => {
    const listed = readFileSync(join(ROOT, 'examples/README.md'), 'utf8').matchAll(
      /\]\((\w[\w.-]+)\)/g,
    )
    const files = execFileSync('git', ['ls-files', 'examples'], { cwd: ROOT, encoding: 'utf8' })
    const shown = files
      .split('\n')
      .filter((file) => /\.(?:ts|py|sh)$/.test(file) && !file.endsWith('world.ts'))
    expect([...listed].map(([, name]) => `examples/${name}`).sort()).toEqual(shown.sort())
  })
})
