import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Tunnels } from './tunnel/tunnels.ts'
import { createUpstream } from './upstream.ts'

let asked = 0
const server = createServer((_request, response) => {
  asked++
  response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
})
let url: string

const tunnels: Pick<Tunnels, 'send'> = {
  send: () => {
    throw new Error('no tunnel is asked for')
  },
}

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // Sound: a listening TCP server has an address with a port.
  url = `http://localhost:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

/** How one request to the machine ends. */
async function outcome(loopback: boolean): Promise<string> {
  const upstream = createUpstream({ loopback, tunnels })
  const ended = Promise.withResolvers<string>()
  let status = 0
  upstream.send(
    {
      target: { kind: 'direct', url, pins: [] },
      method: 'POST',
      path: '/v1/chat/completions',
      headers: {},
      body: new Uint8Array(1),
    },
    {
      head: (code) => {
        status = code
      },
      data: () => {},
      end: () => ended.resolve(`status ${status}`),
      broken: (how) => ended.resolve(how),
    },
  )
  const told = await ended.promise
  await upstream.close()
  return told
}

test('a name that leads to a private address when the connection is made gets nothing (H15)', async () => {
  expect(await outcome(false)).toBe('unsafe')
  expect(asked).toBe(0)
})

test('a redirect is an answer, and is not followed (H15)', async () => {
  expect(await outcome(true)).toBe('status 302')
  expect(asked).toBe(1)
})
