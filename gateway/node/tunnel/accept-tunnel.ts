import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { hex } from '#base/bytes.ts'
import {
  HEADER,
  MAX_TUNNEL_PROOF_BYTES,
  newRequestId,
  TUNNEL_PATH,
  TUNNEL_PROTOCOL,
} from '#protocol'
import { ApiError } from '../../errors.ts'
import { anyErrorAnswer } from '../../http/any-error.ts'
import { codeOf } from '../../log.ts'
import type { RunnersDeps } from '../../runners/deps.ts'
import { findTunnelRunner, proveTunnel } from '../../runners/tunnel-runner.ts'
import { httpAnswerText } from '../http-answer.ts'
import type { Tunnels } from './tunnels.ts'

export interface AcceptDeps {
  readonly runners: RunnersDeps
  readonly tunnels: Tunnels
  /** The gateway is told to stop: nothing new is taken. */
  readonly closing: AbortSignal
}

const CHALLENGE_BYTES = 32
const PROOF_MS = 10_000
/** Connections between their upgrade and their proof. */
const MAX_UNPROVEN = 256
const NEWLINE = 0x0a

/** Whether a request asks for a tunnel; anything else that speaks of an upgrade is served as if it did not. */
export function asksForTunnel(request: IncomingMessage): boolean {
  return (
    request.method === 'GET' &&
    request.url === TUNNEL_PATH &&
    request.headers.upgrade?.toLowerCase() === TUNNEL_PROTOCOL
  )
}

/** Takes an upgrade: names a challenge, waits for the proof, hands the connection over. @see SPEC.md section 9.5 */
export function createTunnelDoor(deps: AcceptDeps) {
  // Oldest first. A proof takes a round trip: whoever only holds connections open makes room for who proves itself.
  const unproven = new Set<Duplex>()
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy())
    try {
      if (deps.closing.aborted) throw new ApiError('shutting_down', 'This gateway is shutting down')
      if (!(socket instanceof Socket)) throw new ApiError('not_implemented', 'Not over a socket')
      const name = request.headers[HEADER.runner]
      const runner = findTunnelRunner(deps.runners, typeof name === 'string' ? name : undefined)
      if (unproven.size >= MAX_UNPROVEN) dropOldest(unproven)
      unproven.add(socket)
      prove(deps, { runner, socket, head })
        .catch((error: unknown) => {
          deps.runners.log('warn', 'tunnel refused', { runner: runner.id, code: codeOf(error) })
          socket.destroy()
        })
        .finally(() => unproven.delete(socket))
    } catch (error) {
      const { headers, ...answer } = anyErrorAnswer(error)
      const named = { ...headers, 'x-request-id': newRequestId(deps.runners.random) }
      socket.end(httpAnswerText({ ...answer, headers: named }), () => socket.destroy())
    }
  }
}

function dropOldest(sockets: Set<Duplex>): void {
  const [oldest] = sockets
  if (oldest === undefined) return
  sockets.delete(oldest)
  oldest.destroy()
}

interface Upgrade {
  readonly runner: ReturnType<typeof findTunnelRunner>
  readonly socket: Socket
  readonly head: Buffer
}

async function prove(
  { runners, tunnels }: AcceptDeps,
  { runner, socket, head }: Upgrade,
): Promise<void> {
  const challenge = hex(runners.random(CHALLENGE_BYTES))
  socket.setNoDelay(true)
  socket.setTimeout(0)
  // HTTP/2 takes the connection over below Node's streams: our own write must have left it before.
  const written = Promise.withResolvers<void>()
  socket.write(
    [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      `Upgrade: ${TUNNEL_PROTOCOL}`,
      `${HEADER.challenge}: ${challenge}`,
      '\r\n',
    ].join('\r\n'),
    () => written.resolve(),
  )
  if (head.length > 0) socket.unshift(head)
  const line = await readLine(socket)
  await written.promise
  await proveTunnel(runners, runner, challenge, line)
  // HTTP/2 over a connection that has ended would never hear of its end, nor a gateway that waits for it.
  if (socket.destroyed) throw new Error('closed after the proof')
  tunnels.open(runner.id, socket)
  runners.log('info', 'tunnel opened', { runner: runner.id })
}

/** Reads up to the first newline and gives back what came after it. */
function readLine(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const timer = setTimeout(() => finish(new Error('no proof in time')), PROOF_MS)
    const onEnd = (): void => finish(new Error('closed before the proof'))
    const onData = (piece: Buffer): void => {
      received = Buffer.concat([received, piece])
      const end = received.indexOf(NEWLINE)
      if (end === -1 && received.length < MAX_TUNNEL_PROOF_BYTES) return
      if (end === -1 || end >= MAX_TUNNEL_PROOF_BYTES) finish(new Error('the proof is too long'))
      else finish(undefined, end)
    }
    const finish = (error: Error | undefined, end = 0): void => {
      clearTimeout(timer)
      socket.off('data', onData).off('end', onEnd).off('close', onEnd)
      if (error !== undefined) {
        reject(error)
        return
      }
      socket.pause()
      const rest = received.subarray(end + 1)
      if (rest.length > 0) socket.unshift(rest)
      resolve(received.subarray(0, end))
    }
    socket.on('data', onData).on('end', onEnd).on('close', onEnd)
  })
}
