import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { HEADER, signTunnel } from '#protocol'
import { generateSigner } from '#protocol/node'
import type { RunnersDeps } from '../../runners/deps.ts'
import { randomBytes } from '../../testing/world.ts'
import { createTunnelDoor } from './accept-tunnel.ts'

const server = createServer()
const far: Socket[] = []

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(async () => {
  for (const socket of far) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

/** A connection whose request asked for a tunnel, and the other end of it. */
async function connectPair(): Promise<{ near: Socket; far: Socket }> {
  // Sound: a listening TCP server has an address with a port.
  const { port } = server.address() as { port: number }
  const socket = connect(port, '127.0.0.1')
  const [near] = (await once(server, 'connection')) as [Socket]
  far.push(socket)
  return { near, far: socket }
}

const SIGNER = generateSigner('receipt-1')
const GATEWAY = 'http://gateway'
const RUNNER = 'run_a'

/** A door for one runner. @param verify what is asked about its proof */
function openDoor(verify: () => Promise<boolean>) {
  const later = Number.MAX_SAFE_INTEGER
  const public_key = hex(SIGNER.publicKey)
  const keyset = { receipt_signing_keys: [{ key_id: 'receipt-1', algo: 'ed25519', public_key }] }
  const lease = { expires: later, target: { kind: 'tunnel', runner: RUNNER }, keyset }
  const runner = {
    id: RUNNER,
    state: 'admitted',
    standing: { appraised: 0, validUntil: later },
    lease,
  }
  const refused = Promise.withResolvers<void>()
  const opened: string[] = []
  // Sound: a door reads these members alone.
  const runners = {
    directory: { find: () => runner },
    verifier: { verify },
    gatewayName: GATEWAY,
    clock: () => unixMs(Date.now()),
    random: randomBytes,
    log: () => refused.resolve(),
  } as Partial<Record<keyof RunnersDeps, unknown>> as RunnersDeps
  const tunnels = { open: (id: string) => opened.push(id), send: never, close: async () => {} }
  const door = createTunnelDoor({ runners, tunnels, closing: new AbortController().signal })
  const request = { headers: { [HEADER.runner]: RUNNER } } as Partial<IncomingMessage>
  const knock = async () => {
    const pair = await connectPair()
    // Sound: a door reads a request's headers alone.
    door(request as IncomingMessage, pair.near, Buffer.alloc(0))
    const [answer] = (await once(pair.far, 'data')) as [Buffer]
    return { ...pair, answer: answer.toString() }
  }
  return { knock, opened, refused: refused.promise }
}

test('who opens connections and proves nothing keeps no runner out (H15)', async () => {
  const { knock } = openDoor(async () => true)
  const first = await knock()
  for (let i = 0; i < 299; i++) await knock()
  expect((await knock()).answer).toMatch(/^HTTP\/1\.1 101 /)
  expect(first.near.destroyed).toBe(true)
})

test('a connection that ends while its proof is checked is no tunnel (H15)', async () => {
  let end = async (): Promise<void> => {}
  const { knock, opened, refused } = openDoor(async () => {
    await end()
    return true
  })
  const { near, far, answer } = await knock()
  end = async () => {
    near.destroy()
    await once(near, 'close')
  }
  const challenge = /: ([0-9a-f]{64})\r\n/.exec(answer)?.[1] ?? ''
  const proof = signTunnel({ gateway: GATEWAY, runnerId: RUNNER, challenge }, SIGNER)
  far.write(`${JSON.stringify(proof)}\n`)
  await refused
  expect(opened).toEqual([])
})

function never(): never {
  throw new TypeError('no tunnel was proven')
}
