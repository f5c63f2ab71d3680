import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTunnelServer } from './tunnel-server.ts'

let listener: Server
let gateway: Socket
let runner: Socket

beforeEach(async () => {
  listener = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  // Sound: a listening TCP server has an address with a port.
  const { port } = listener.address() as { port: number }
  gateway = connect(port, '127.0.0.1')
  gateway.on('error', () => {})
  gateway.resume()
  const [accepted] = (await once(listener, 'connection')) as [Socket]
  runner = accepted
  // The clock alone: sockets go on as they are.
  vi.useFakeTimers({ toFake: ['setInterval', 'setTimeout', 'clearInterval', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
  gateway.destroy()
  runner.destroy()
  listener.close()
})

/** What an HTTP/2 client says first; it never answers a ping. */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
])
/** Eight bytes of a kind that nobody knows, to be ignored. */
const UNKNOWN = Buffer.from([0, 0, 8, 0xee, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
const MINUTES = 4

function serve(): { isOpen: () => boolean; closed: Promise<void> } {
  let isOpen = true
  const closed = createTunnelServer({ handle: () => {} }, 1)
    .serve(runner)
    .then(() => {
      isOpen = false
    })
  gateway.write(PREFACE)
  return { isOpen: () => isOpen, closed }
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await new Promise(setImmediate)
}

test('a gateway that is silent is given up', async () => {
  const { closed } = serve()
  for (let second = 0; second < 60; second++) {
    vi.advanceTimersByTime(1_000)
    await turns()
  }
  await closed
})

test('a gateway whose answer to a ping waits behind what it sends is not', async () => {
  const { isOpen } = serve()
  for (let second = 0; second < MINUTES * 60 && isOpen(); second++) {
    const received = runner.bytesRead
    gateway.write(UNKNOWN)
    while (runner.bytesRead === received) await new Promise(setImmediate)
    vi.advanceTimersByTime(1_000)
    await turns()
  }
  expect(isOpen()).toBe(true)
})
