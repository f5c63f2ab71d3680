import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { HEADER, signTunnel, TUNNEL_PATH, TUNNEL_PROTOCOL } from '#protocol'
import type { Lease } from '../lease/lease.ts'
import { LeaseError } from '../lease/lease-error.ts'

const DIAL_MS = 15_000
const CHALLENGE = /^[0-9a-f]{64}$/

/**
 * Opens a connection to a gateway, upgrades it and proves the lease's receipt key on it.
 * @returns the connection, on which the gateway speaks HTTP/2 next
 * @throws LeaseError `rejected`: register again; `unreachable`: later
 * @see protocol/SPEC.md section 9.5
 */
export async function dialTunnel(lease: Lease, stop: AbortSignal): Promise<Socket> {
  const url = new URL(TUNNEL_PATH, lease.gateway)
  const dial = url.protocol === 'https:' ? httpsRequest : httpRequest
  const request = dial(url, {
    agent: false,
    headers: {
      connection: 'Upgrade',
      upgrade: TUNNEL_PROTOCOL,
      [HEADER.runner]: lease.runnerId,
    },
    signal: AbortSignal.any([stop, AbortSignal.timeout(DIAL_MS)]),
  })
  request.end()
  const { answer, socket, head } = await upgraded(request)
  // The request's signal has done its work; the connection lives on.
  const challenge = answer.headers[HEADER.challenge]
  if (typeof challenge !== 'string' || !CHALLENGE.test(challenge)) {
    socket.destroy()
    throw new LeaseError('malformed', 'the gateway named no challenge for the tunnel')
  }
  socket.on('error', () => socket.destroy())
  socket.setNoDelay(true)
  socket.setTimeout(0)
  const { name: gateway, runnerId, identity } = lease
  const proof = signTunnel({ gateway, runnerId, challenge }, identity.signer)
  // HTTP/2 takes the connection over below Node's streams: our own write must have left it before.
  await written(socket, `${JSON.stringify(proof)}\n`)
  if (head.length > 0) socket.unshift(head)
  return socket
}

function written(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(text, (error) => {
      if (error) reject(new LeaseError('unreachable', 'the tunnel broke', { cause: error }))
      else resolve()
    })
  })
}

interface Upgraded {
  readonly answer: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
}

async function upgraded(request: ReturnType<typeof httpRequest>): Promise<Upgraded> {
  const stop = new AbortController()
  const { signal } = stop
  try {
    return await Promise.race([
      once(request, 'upgrade', { signal }).then(([answer, socket, head]) => ({
        answer,
        socket,
        head,
      })),
      once(request, 'response', { signal }).then(([answer]) => refuse(answer)),
    ])
  } catch (cause) {
    request.destroy()
    if (cause instanceof LeaseError) throw cause
    throw new LeaseError('unreachable', 'no tunnel to the gateway', { cause })
  } finally {
    stop.abort()
  }
}

function refuse(answer: IncomingMessage): never {
  const status = answer.statusCode ?? 0
  answer.destroy()
  const code = status >= 400 && status < 500 ? 'rejected' : 'unreachable'
  throw new LeaseError(code, `the gateway answered ${status} to the tunnel`)
}
