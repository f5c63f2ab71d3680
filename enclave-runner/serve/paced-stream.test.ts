import { afterEach, describe, expect, test } from 'vitest'
import { PACE } from '#protocol'
import { ask, payloads, prepare } from '../testing/ask.ts'
import { type Registered, startTestGateway } from '../testing/test-gateway.ts'
import { startTestRunner } from '../testing/test-runner.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(script: string): Promise<Registered> {
  const gateway = await startTestGateway()
  closers.push(() => gateway.close())
  const engine = { kind: 'scripted', script } as const
  const { runner } = await startTestRunner([gateway.origin], { engine })
  closers.push(() => runner.close(0))
  await gateway.until(() => gateway.heartbeats.length > 0)
  // Sound: `until` just saw one.
  return gateway.registrations[0] as Registered
}

const chat = (more: object = {}) => ({
  model: 'tiny-demo',
  stream: true,
  messages: [{ role: 'user', content: 'hello' }],
  cocoon_pace_ms: PACE.leastMs,
  ...more,
})

describe('a stream at a fixed rate (M18)', () => {
  test.each([
    ['all at once', 'c40g-1'],
    ['one by one', 'c6g70'],
  ])('has frames of one size, and every event in order, when tokens come %s', async (_, script) => {
    const at = await start(script)
    const paced = await ask(at, chat())
    const plain = await ask(at, chat({ cocoon_pace_ms: undefined }))
    expect(new Set(paced.frames)).toEqual(new Set([PACE.frameBytes]))
    const bare = (text: string | undefined) => payloads(text).filter((line) => line !== '')
    expect(bare(paced.text)).toEqual(bare(plain.text))
    expect(paced.receipt).toBeDefined()
  })

  test('goes on while the engine is silent', async () => {
    const at = await start('c9g0hang2')
    const leave = new AbortController()
    const { sent, path } = await prepare(at, chat(), { signal: leave.signal })
    const response = await fetch(`${at.url}${path}`, {
      method: 'POST',
      headers: sent.headers,
      body: sent.body as Uint8Array<ArrayBuffer>,
      signal: leave.signal,
    })
    let bytes = 0
    const frame = PACE.frameBytes + 20
    for await (const part of response.body ?? []) {
      bytes += part.length
      // Two tokens came; frames came on.
      if (bytes >= 6 * frame) break
    }
    expect(bytes % frame).toBe(0)
    leave.abort()
  })

  test.each([0, 49, 1_001, 50.5, 'fast'])('takes no pace of %j', async (pace) => {
    const at = await start('c1g0')
    const answer = await ask(at, chat({ cocoon_pace_ms: pace }))
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text ?? '').error.param).toBe('cocoon_pace_ms')
  })
})
