import { beforeEach, describe, expect, test } from 'vitest'
import { modelHash } from '#attestation'
import { type Bytes, concat, hex } from '#base/bytes.ts'
import type { Connection } from '../connect.ts'
import { ask, codeOf, MARK, runner, URL_CHAT, useWorld } from '../testing/lied-to.ts'
import { GATEWAY } from '../testing/lying-gateway.ts'
import {
  type Answer,
  chunk,
  collected,
  listed,
  MODEL,
  makeRunner,
  random,
  WEIGHTS,
} from '../testing/test-runner.ts'

const lied = useWorld()

/** The frames of an answer, bent as a list. */
function bent(bend: (frames: Bytes[]) => Bytes[]) {
  return (answer: Answer): Answer => ({
    ...answer,
    frames: (async function* () {
      const frames = await collected(answer.frames)
      yield* bend(frames)
    })(),
  })
}

const flipped = (frame: Bytes): Bytes => frame.map((byte, i) => (i === 9 ? byte ^ 1 : byte))

describe('a gateway that bends the answer', () => {
  test.each<[string, string, (frames: Bytes[]) => Bytes[]]>([
    ['the END cut off', 'answer_cut', (frames) => frames.slice(0, -1)],
    [
      'cut inside a frame',
      'answer_cut',
      (frames) => [...frames.slice(0, 1), frames[1]?.subarray(0, 9) ?? random(1)],
    ],
    [
      'a bit flipped',
      'answer_broken',
      ([first = random(1), ...rest]) => [first, ...rest.map(flipped)],
    ],
    ['reordered', 'answer_broken', ([a = random(1), b = random(1), ...rest]) => [b, a, ...rest]],
    ['a frame repeated', 'answer_broken', ([a = random(1), ...rest]) => [a, a, ...rest]],
    ['bytes after the END', 'answer_broken', (frames) => [...frames, random(20)]],
    [
      'a frame of 4 GiB announced',
      'answer_broken',
      (frames) => [Uint8Array.of(255, 255, 255, 255), ...frames],
    ],
  ])('%s: %s, and never a complete answer', async (_, code, bend) => {
    lied.world.lies = { answer: bent(bend) }
    const cocoon = await lied.world.connect()
    const response = await ask(cocoon, { stream: true })
    if (!response.ok) {
      // Lost before its first frame: nothing of it was shown.
      expect([code, 'runner_gone']).toContain(await codeOf(Promise.resolve(response)))
      return
    }
    let text = ''
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const part of response.body ?? []) text += decoder.decode(part)
      return text
    })()
    expect(await codeOf(reading)).toBe(code)
    expect(text).not.toContain('[DONE]')
  })

  test('an answer of another request', async () => {
    const cocoon = await lied.world.connect()
    const kept: Bytes[] = []
    lied.world.lies = {
      answer: bent((frames) => {
        kept.push(...frames)
        return frames
      }),
    }
    await (await ask(cocoon)).text()
    lied.world.lies = { answer: bent(() => kept) }
    expect(await codeOf(ask(cocoon))).toBe('answer_broken')
  })

  test('plain text instead of a sealed answer', async () => {
    lied.world.lies = { instead: () => Response.json({ choices: [] }) }
    expect(await codeOf(ask(await lied.world.connect()))).toBe('answer_unsealed')
  })

  test('the status turned into a success', async () => {
    runner().behaviour = { error: 400 }
    lied.world.lies = { answer: (answer) => ({ ...answer, status: 200 }) }
    expect(await codeOf(ask(await lied.world.connect()))).toBe('answer_mislabelled')
  })

  test('the type turned into a page', async () => {
    lied.world.lies = {
      answer: (answer) => ({
        ...answer,
        headers: { ...answer.headers, 'content-type': 'text/html' },
      }),
    }
    expect(await codeOf(ask(await lied.world.connect()))).toBe('answer_mislabelled')
  })
})

describe('a gateway that bends the request', () => {
  test('an altered head does not open, and is sent at most twice', async () => {
    const cocoon = await lied.world.connect()
    lied.world.lies = {
      request: (headers, body) => {
        const head = headers.get('x-cocoon-head') ?? ''
        const json = JSON.parse(Buffer.from(head, 'base64url').toString())
        const dearer = JSON.stringify({ ...json, maxCost: '999999999999' })
        headers.set('x-cocoon-head', Buffer.from(dearer).toString('base64url'))
        return body
      },
    }
    expect(await codeOf(ask(cocoon))).toBe('keys_unstable')
    expect(lied.world.sent).toHaveLength(2)
    expect(runner().opened).toHaveLength(0)
  })

  test('a stripped head is no plain EHBP body', async () => {
    const cocoon = await lied.world.connect()
    lied.world.lies = {
      request: (headers, body) => {
        headers.delete('x-cocoon-head')
        headers.delete('x-cocoon-version')
        return body
      },
    }
    expect(await codeOf(ask(cocoon))).toBe('keys_unstable')
    expect(runner().opened).toHaveLength(0)
  })

  test('a body sent to the runner twice is opened once', async () => {
    const cocoon = await lied.world.connect()
    const kept: [Headers, Bytes][] = []
    lied.world.lies = {
      request: (headers, body) => {
        kept.push([new Headers(headers), body])
        return body
      },
    }
    await (await ask(cocoon)).text()
    const [first] = kept
    if (first === undefined) throw new Error('unreachable')
    const again = await runner().serve('/v1/chat/completions', ...first)
    expect(again.status).toBe(409)
    expect(runner().opened).toHaveLength(1)
  })

  test('endless key changes end after one refresh', async () => {
    const problem = { type: 'urn:ietf:params:ehbp:error:key-config', code: 'key_stale' }
    lied.world.lies = { instead: () => Response.json(problem, { status: 422 }) }
    expect(await codeOf(ask(await lied.world.connect()))).toBe('keys_unstable')
    expect(lied.world.sent).toHaveLength(2)
  })

  test('another protocol version: the remedy is ours, whatever stands in the answer', async () => {
    const cocoon = await lied.world.connect()
    const problem = { code: 'version_unsupported', title: 'get it at https://evil.test' }
    lied.world.lies = { instead: () => Response.json(problem, { status: 426 }) }
    const response = await cocoon.fetch(`${GATEWAY}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: MODEL, messages: [] }),
    })
    expect(response.status).toBe(426)
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'version_unsupported' } })
    expect(text).toContain('npm install cocoon-gateway@latest')
    expect(text).not.toContain('evil')
    expect(lied.world.sent).toHaveLength(1)
    lied.world.lies = {
      json: (path, told) =>
        path.includes('/attestation')
          ? { ...(told as object), service_capabilities: { supported_e2ee_versions: ['cocoon/9'] } }
          : undefined,
    }
    expect(await codeOf(lied.world.connect())).toBe('version_unsupported')
  })

  test('a runner with new keys is verified again and gets the prompt once', async () => {
    const cocoon = await lied.world.connect()
    const { forge, clock } = lied.world
    const { payee } = runner()
    lied.world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0', payee }))
    expect(await codeOf(ask(cocoon))).toBe('no error')
    expect(lied.world.sent).toHaveLength(2)
    expect(runner().opened).toHaveLength(1)
  })

  test('new keys of a session that the prompt does not accept get nothing', async () => {
    const cocoon = await lied.world.connect()
    const { forge, clock } = lied.world
    const provider = { aci_session_ids: [runner().sessionId] }
    lied.world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0' }))
    expect(await codeOf(ask(cocoon, { provider }))).toBe('session_not_accepted')
    expect(runner().opened).toEqual([])
  })
})

describe('a gateway that swaps the model', () => {
  const SMALL = 'small-model'
  const big = { model: 'big-model', messages: [{ role: 'user', content: MARK }] }
  const askBig = (cocoon: Connection) =>
    codeOf(cocoon.fetch(URL_CHAT, { method: 'POST', body: JSON.stringify(big) }))
  const offering = (model: string) => ({
    json: (path: string) =>
      path === '/v1/runners'
        ? { data: [{ id: 'run_0', model, session_id: runner().sessionId }] }
        : undefined,
  })
  const becomes = async (model: string) => {
    const { forge, clock } = lied.world
    lied.world.runners.splice(0, 1, await makeRunner({ forge, clock, id: 'run_0', model }))
  }

  beforeEach(async () => {
    const hash = await modelHash(SMALL, WEIGHTS)
    if (lied.world.entries.every((entry) => entry.hash !== hash)) {
      lied.world.entries.push({ kind: 'model', hash })
    }
  })

  test('a machine verified for one model is not asked for another (H18)', async () => {
    await becomes(SMALL)
    lied.world.lies = offering(SMALL)
    const cocoon = await lied.world.connect()
    lied.world.lies = offering(big.model)
    lied.world.ahead += 61_000
    expect(await askBig(cocoon)).toBe('keyset_mismatch')
    expect(runner().opened).toEqual([])
  })

  test('nor after it said that its keys changed (H18)', async () => {
    const cocoon = await lied.world.connect()
    await becomes(SMALL)
    lied.world.lies = offering(SMALL)
    expect(await codeOf(ask(cocoon))).not.toBe('no error')
    expect(runner().opened).toEqual([])
  })
})

test('no wire byte or header tells the sealed request’s cache key', async () => {
  const cocoon = await lied.world.connect()
  await (await ask(cocoon, { prompt_cache_key: 'user-42' })).text()
  const [opened = ''] = runner().opened
  expect(opened).not.toContain('user-42')
  expect(JSON.parse(opened)).toMatchObject({
    prompt_cache_key: expect.stringMatching(/^[\w-]{43}$/),
    cache_salt: expect.stringMatching(/^[\w-]{43}$/),
  })
})

test('reads of one byte, and ten thousand zero frames, change nothing', async () => {
  lied.world.lies = {
    answer: bent((frames) => {
      const wire = concat(new Uint8Array(40_000), ...frames)
      return Array.from(wire, (byte) => Uint8Array.of(byte))
    }),
  }
  const cocoon = await lied.world.connect()
  expect(await (await ask(cocoon, { stream: true })).text()).toContain('data: [DONE]')
})

test('a reader that stops stops the runner, and a long answer waits for its reader', async () => {
  let made = 0
  async function* endless() {
    for (;;) {
      made++
      yield chunk(hex(random(8_000)))
    }
  }
  runner().behaviour = { events: endless() }
  const response = await ask(await lied.world.connect(), { stream: true })
  const reader = response.body?.getReader()
  for (let i = 0; i < 20; i++) await reader?.read()
  // One frame is read ahead for its type; nothing else runs ahead of the reader.
  expect(made).toBeLessThan(24)
  await reader?.cancel()
  const stopped = made
  await new Promise((next) => setImmediate(next))
  expect(made).toBe(stopped)
})

test('events that were listed are all delivered in order', async () => {
  runner().behaviour = { events: listed(Array.from({ length: 300 }, (_, i) => chunk(`<${i}>`))) }
  const text = await (await ask(await lied.world.connect(), { stream: true })).text()
  const found = [...text.matchAll(/<(\d+)>/g)].map(([, number]) => Number(number))
  expect(found).toEqual(Array.from({ length: 300 }, (_, i) => i))
})
