import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { newPayer } from '../support/account.ts'
import { type EngineServer, startEngineServer } from '../support/engine-server.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'
import { engineOf } from './at.ts'

/** The official Python package, from PyPI, in an environment of its own. */
const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'cocoon-python-'))
let world: World
let engine: EngineServer

beforeAll(async () => {
  engine = await startEngineServer()
  world = await openWorld({ engine: engineOf(engine) })
}, WORLD_START_MS)
afterAll(async () => {
  await world?.stop()
  await engine?.close()
  rmSync(folder, { recursive: true })
})

test('openai for Python works unchanged', async () => {
  await run('python3', ['-m', 'venv', folder])
  await run(join(folder, 'bin', 'pip'), ['install', '--quiet', 'openai'])
  const poor = await newPayer(world)
  const { baseUrl, apiKey, models } = world.info
  const script = join(import.meta.dirname, 'python_client.py')
  const told = [baseUrl, apiKey, poor.apiKey, models[0] ?? '']
  const { stdout } = await run(join(folder, 'bin', 'python'), [script, ...told])
  const sentence = 'Hello, this is a longer answer with ten words.'
  expect(JSON.parse(stdout)).toEqual({
    chat: sentence,
    stream: sentence,
    tools: ['add', { a: 2, b: 3 }],
    structured: { name: 'Ada', age: 36 },
    embeddings: [8, 8],
    responses: sentence,
    401: ['AuthenticationError', 401, 'invalid_api_key'],
    402: ['APIStatusError', 402, 'insufficient_credits'],
    404: ['NotFoundError', 404, 'model_not_found'],
    400: ['BadRequestError', 400, 'invalid_request'],
    died: ['APIError', null, 'engine_failed'],
    abort: true,
    retries: sentence,
  })
})
