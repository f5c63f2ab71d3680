import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { ask, payloads } from '../../testing/ask.ts'
import { startTestGateway } from '../../testing/test-gateway.ts'
import { newOutboxPath, startTestRunner } from '../../testing/test-runner.ts'
import type { Engine, EngineEvent } from '../engine.ts'
import { openManagedEngine } from './managed-engine.ts'
import type { ProgramName } from './programs.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const FAKE = join(import.meta.dirname, '../../testing/fake-engine.ts')

/** A folder with the two programs, as an image has them: other people's executables behind their names. */
function programs(): string {
  const folder = mkdtempSync(join(tmpdir(), 'programs-'))
  for (const name of ['vllm', 'llama-server']) {
    writeFileSync(join(folder, name), `#!${process.execPath}\nimport(${JSON.stringify(FAKE)})\n`)
    chmodSync(join(folder, name), 0o755)
  }
  chmodSync(folder, 0o755)
  return folder
}

function weights(content = 'weights'): string {
  const folder = mkdtempSync(join(tmpdir(), 'weights-'))
  chmodSync(folder, 0o755)
  const file = join(folder, 'model.gguf')
  writeFileSync(file, content)
  return file
}

const lines: string[] = []
const deps = {
  clock: () => unixMs(Date.now()),
  random: (length: number) => new Uint8Array(length),
  wait: (ms: number, signal: AbortSignal) =>
    sleep(Math.min(ms, 50), undefined, { signal }).catch(() => {}),
  log: (_level: string, event: string, fields?: { readonly [name: string]: unknown }) =>
    void lines.push(event, `${event}: ${fields?.['reason']}`),
}

async function open(program: ProgramName, change: object = {}): Promise<Engine> {
  const engine = await openManagedEngine(
    {
      program,
      path: programs(),
      weightsPath: weights(),
      model: 'm',
      inputModalities: ['text'] as const,
      capacity: 4,
      contextLength: 2048,
      confined: false,
      timeouts: { connectMs: 1000, firstByteMs: 20_000, idleMs: 20_000 },
      ...change,
    },
    deps,
  )
  closers.push(() => engine.close())
  return engine
}

async function collect(engine: Engine, content: string): Promise<EngineEvent[]> {
  const body = { messages: [{ role: 'user', content }], max_tokens: 8 }
  const signal = new AbortController().signal
  const events: EngineEvent[] = []
  const request = { endpoint: '/v1/chat/completions', body, stream: true, signal } as const
  for await (const event of engine.run(request)) events.push(event)
  return events
}

describe.each(['vllm', 'llama-server'] as const)('%s, started by the runner,', (program) => {
  test('serves on its socket, tells its context and counts its tokens', async () => {
    const engine = await open(program)
    expect(engine.contextLength).toBe(2048)
    expect(engine.fingerprint).toContain(program)
    const events = await collect(engine, 'hello')
    expect(events.at(-1)).toMatchObject({
      kind: 'done',
      usage: { promptTokens: 5, completionTokens: 3 },
    })
  })

  test('is started again after it died, and says so meanwhile', async () => {
    const engine = await open(program)
    await expect(collect(engine, 'die')).rejects.toMatchObject({ code: 'engine_failed' })
    while (await engine.healthy()) await sleep(5)
    await expect(collect(engine, 'hello')).rejects.toMatchObject({
      code: expect.stringMatching(/^engine_(?:unreachable|failed)$/),
    })
    while (!(await engine.healthy())) await sleep(5)
    expect((await collect(engine, 'hello')).at(-1)?.kind).toBe('done')
    expect(lines).toContain('engine restarted')
  })

  test('hangs: whoever waits for it gets an error, and it is started again', async () => {
    const timeouts = { connectMs: 200, firstByteMs: 60_000, idleMs: 60_000 }
    const engine = await open(program, { timeouts })
    await expect(collect(engine, 'freeze')).rejects.toMatchObject({ code: 'engine_failed' })
    expect(lines).toContain('engine lost: hangs')
    while (!(await engine.healthy())) await sleep(5)
    expect((await collect(engine, 'hello')).at(-1)?.kind).toBe('done')
  }, 60_000)
})

test('a program that is missing, or ends at once, is no engine', async () => {
  await expect(open('vllm', { path: '/nowhere' })).rejects.toMatchObject({ code: 'engine_failed' })
  await expect(open('vllm', { weightsPath: '/nowhere' })).rejects.toMatchObject({
    code: 'engine_failed',
  })
})

describe('behind a runner, a managed engine that', () => {
  async function runnerWith() {
    const gateway = await startTestGateway()
    closers.push(() => gateway.close())
    const { runner } = await startTestRunner([gateway.origin], {
      engine: {
        kind: 'managed',
        program: 'vllm',
        path: programs(),
        weightsPath: weights(),
        confined: false,
      },
    })
    closers.push(() => runner.close(0))
    await gateway.until(() => gateway.heartbeats.length > 0)
    const at = gateway.registrations[0]
    if (at === undefined) throw new Error('not registered')
    return { gateway, at }
  }

  test.each([
    ['dies', 'die', 'error', 1],
    ['omits usage', 'omit usage', 'normal', 2],
    ['inflates usage', 'inflate', 'normal', 2 + 16],
    ['ignores the limit', 'ignore the limit', 'length', 8],
  ])('%s: the receipt tells the truth', async (_, script, ending, completion) => {
    const { at } = await runnerWith()
    const body = {
      model: 'tiny-demo',
      stream: true,
      max_tokens: 8,
      messages: [{ role: 'user', content: script }],
    }
    const answer = await ask(at, body, { allowance: { max_completion_tokens: 8 } })
    const metered = answer.receipt?.event_log.find(({ type }) => type === 'usage.metered')
    expect(metered).toMatchObject({ stop_reason: ending })
    const { completion_tokens: counted } = metered as unknown as { completion_tokens: number }
    expect(counted).toBeLessThanOrEqual(Math.min(completion, 8))
    expect(counted).toBeGreaterThan(0)
    if (ending === 'error') expect(payloads(answer.text).at(-1)).toContain('engine_failed')
  })

  test('answers 500: a sealed error that costs nothing', async () => {
    const { at } = await runnerWith()
    const body = { model: 'tiny-demo', messages: [{ role: 'user', content: '500' }] }
    const answer = await ask(at, body)
    expect(answer.status).toBe(502)
    const metered = answer.receipt?.event_log.find(({ type }) => type === 'usage.metered')
    expect(metered).toMatchObject({ completion_tokens: 0, prompt_tokens: 0, stop_reason: 'error' })
  })

  test('is away: heartbeats offer no place until it is back', async () => {
    const { gateway, at } = await runnerWith()
    expect(gateway.heartbeats.at(-1)?.heartbeat.capacity).toBe(16)
    const body = { model: 'tiny-demo', stream: true, messages: [{ role: 'user', content: 'die' }] }
    await ask(at, body)
    await gateway.until(() => gateway.heartbeats.at(-1)?.heartbeat.capacity === 0)
    await gateway.until(() => gateway.heartbeats.at(-1)?.heartbeat.capacity === 16)
  })
})

describe('a confined engine (H13)', () => {
  const isRoot = process.getuid?.() === 0
  test.skipIf(!isRoot)(
    'is another user without rights, reaches no network, reads no secret and inherits nothing',
    async () => {
      const outside = createServer((socket) => socket.end())
      await new Promise<void>((resolve) => outside.listen(0, '0.0.0.0', resolve))
      closers.push(() => new Promise((resolve) => outside.close(resolve)))
      // Sound: a listening TCP server has an address with a port.
      const { port } = outside.address() as { port: number }
      const secret = newOutboxPath()
      writeFileSync(secret, 'receipts', { mode: 0o600 })
      const seen = async (confined: boolean, address: string) => {
        const engine = await open('vllm', {
          confined,
          weightsPath: weights(`${address} ${secret}`),
        })
        const events = await collect(engine, 'look')
        const chunk = events.find((event) => event.kind === 'chunk')
        if (chunk?.kind !== 'chunk') throw new Error('no answer')
        const { choices } = JSON.parse(chunk.data) as {
          choices: [{ delta: { content: string } }]
        }
        return JSON.parse(choices[0].delta.content) as Record<string, unknown>
      }
      // The same code without walls reaches all of it: the test can fail.
      expect(await seen(false, `127.0.0.1:${port}`)).toMatchObject({
        uid: 0,
        network: 'connected',
        file: true,
      })
      for (const address of [`127.0.0.1:${port}`, '1.1.1.1:443', '169.254.169.254:80']) {
        expect(await seen(true, address)).toMatchObject({
          uid: 64_321,
          capabilities: '0000000000000000',
          noNewPrivileges: '1',
          network: expect.stringMatching(/^E(?:CONNREFUSED|NETUNREACH)$/),
          file: false,
          environment: expect.not.arrayContaining(['NODE_OPTIONS', 'HTTP_PROXY', 'ENGINE_PATH']),
        })
      }
    },
  )
})
