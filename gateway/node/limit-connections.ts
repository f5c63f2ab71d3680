import type { Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'

/** How many connections a listener holds. */
export interface ConnectionLimit {
  /** Whether a request came over a connection that there was no room for: it gets a refusal and nothing else. */
  isBeyond(socket: Socket): boolean
}

interface Held {
  /** The outermost: of a connection with TLS, what speaks TLS. */
  socket: Socket
  /** Requests without a whole answer. */
  underWay: number
  readonly isBeyond: boolean
}

/** Beyond the limit so many more are held, for long enough to be refused by an answer; those after them are dropped. */
const REFUSED_AT_ONCE = 256

/**
 * Holds a listener to `most` connections. A newcomer takes the place of the one that has asked nothing for the longest time,
 * so that those who only hold connections keep nobody out; where all are at work, the newcomer is refused.
 */
export function limitConnections(server: Server | TlsServer, most: number): ConnectionLimit {
  const all = new Map<string, Held>()
  /** Names of those without a request, the longest idle first. */
  const idle = new Set<string>()

  function endLongestIdle(): boolean {
    const [name] = idle
    if (name === undefined) return false
    idle.delete(name)
    all.get(name)?.socket.destroy()
    all.delete(name)
    return true
  }

  server.maxConnections = most + REFUSED_AT_ONCE
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket)
    const isBeyond = all.size >= most && !endLongestIdle()
    const held = { socket, underWay: 0, isBeyond }
    all.set(name, held)
    idle.add(name)
    socket.once('close', () => {
      // The same ends may have met again.
      if (all.get(name) !== held) return
      all.delete(name)
      idle.delete(name)
    })
  })
  server.on('secureConnection', (socket: Socket) => {
    const held = all.get(nameOf(socket))
    if (held !== undefined) held.socket = socket
  })
  server.on('request', ({ socket }, response) => {
    const name = nameOf(socket)
    const held = all.get(name)
    if (held === undefined) return
    held.underWay++
    idle.delete(name)
    response.once('close', () => {
      held.underWay--
      if (held.underWay === 0 && all.get(name) === held) idle.add(name)
    })
  })
  server.on('upgrade', ({ socket }) => idle.delete(nameOf(socket)))
  return { isBeyond: (socket) => all.get(nameOf(socket))?.isBeyond === true }
}

/** One connection to a listener, whatever wraps it: no two that are open have the same ends. */
function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
