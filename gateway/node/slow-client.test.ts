import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { answerInOrder, CHUNKS, type TestExchange } from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

let world: TestWorld
let runner: TestRunner
let account: TestAccount

const STALLED = 12
const OTHERS = 24
/** What the kernel's buffers on both legs and the streams' own may hold for one stalled client. */
const MOST_BUFFERED = 24 * 1024 * 1024
const QUIET_LOOKS = 10
const LOOK_MS = 100
const BODY = {
  model: MODEL,
  messages: [{ role: 'user', content: 'hi' }],
  max_tokens: 1_000,
  stream: true,
}

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world, { capacity: STALLED + OTHERS })
  account = await world.account(100_000_000n)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

/** Asks for a stream and never reads a byte of it. */
function stall(): Socket {
  const { hostname, port } = new URL(world.gateway.origin)
  const body = JSON.stringify({ ...BODY, user: 'stalled' })
  const socket = connect(Number(port), hostname)
  socket.pause()
  socket.on('error', () => {})
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${account.key}\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  )
  return socket
}

/** Writes for as long as somebody takes it. @returns how many bytes were taken until nobody did */
function pour({ response, sealer, headers }: TestExchange): {
  stopped: Promise<void>
  sent: () => number
} {
  const event = utf8(`${CHUNKS[0]}: ${'x'.repeat(60_000)}\n\n`)
  const stopped = Promise.withResolvers<void>()
  let sent = 0
  let quiet = 0
  const more = (): void => {
    quiet = 0
    while (response.write(sealer.seal(event))) sent += event.length
  }
  // Looks in a row, not one timer: a process that got no time for a second has heard nothing, and is not quiet.
  const looks = setInterval(() => {
    if (++quiet < QUIET_LOOKS) return
    clearInterval(looks)
    stopped.resolve()
  }, LOOK_MS)
  response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
  response.on('drain', more)
  more()
  return { stopped: stopped.promise, sent: () => sent }
}

test('clients that read nothing slow nobody down, and hold a bounded amount of memory', async () => {
  const poured: ReturnType<typeof pour>[] = []
  const allStalled = Promise.withResolvers<void>()
  runner.behave((exchange) => {
    if (JSON.parse(exchange.text).user !== 'stalled') {
      answerInOrder(exchange)
      return
    }
    poured.push(pour(exchange))
    if (poured.length === STALLED) allStalled.resolve()
  })
  const sockets = Array.from({ length: STALLED }, stall)
  await allStalled.promise
  await Promise.all(poured.map(({ stopped }) => stopped))

  const others = Array.from({ length: OTHERS }, async () => {
    const response = await fetch(`${world.gateway.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.key}` },
      body: JSON.stringify(BODY),
    })
    return response.text()
  })
  for (const text of await Promise.all(others)) expect(text).toContain('data: [DONE]')
  // Still held back, each by its own client.
  for (const { sent } of poured) expect(sent()).toBeLessThan(MOST_BUFFERED)
  expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([])

  // A client that takes nothing for two minutes has left: its place is free again, and its runner is not blamed.
  world.elapse(121)
  const closed = sockets.map(
    (socket) => new Promise<void>((resolve) => socket.resume().on('close', () => resolve())),
  )
  await Promise.all(closed)
  const response = await fetch(`${world.gateway.origin}/v1/runners/${runner.id}`)
  expect((await response.json()).performance).toMatchObject({ in_flight: 0, success: 1 })
})
