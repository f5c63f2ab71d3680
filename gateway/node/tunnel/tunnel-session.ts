import { type ClientHttp2Session, connect, constants } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Call, Incoming, OutgoingRequest } from '../../relay/ports.ts'
import { createBudget } from './budget.ts'
import { EagerSocket } from './eager-socket.ts'
import { paceResets } from './pace-resets.ts'
import { sendBody } from './send-body.ts'
import { type CallDeps, TunnelCall } from './tunnel-call.ts'

/** HTTP/2 with the roles turned round: the runner dialled, we ask. */
export interface TunnelSession {
  /** @returns why it takes none, when it does not: nothing was sent */
  send(runner: string, request: OutgoingRequest, incoming: Incoming): Call | 'refused' | 'full'
  /** Called every second: bytes that are not content, and signs of life. */
  tick(): void
  /** Takes nothing new and ends with its last stream. */
  retire(): void
  destroy(): void
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>
}

const MIB = 1024 * 1024
/** Enough for some 9,000 streams with what each has in flight: beyond it, whatever begins to be answered is broken. */
const MAX_SESSION_MEMORY_MIB = 512
const STREAM_WINDOW_BYTES = 256 * 1024
const CONNECTION_WINDOW_BYTES = 16 * MIB
const MAX_HEADER_BYTES = 32 * 1024
const MAX_HEADER_PAIRS = 64
/** Ticks without a byte after which a peer is asked for one, and after which it is gone: a process that is late has fewer. */
const PING_AFTER_TICKS = 10
const SILENT_AFTER_TICKS = 15

/** What a peer may do beyond answering (H15): in a burst, and each second for ever. */
const BUDGETS = {
  /** Pings, settings and informational heads. */
  control: { burst: 100, perSecond: 10 },
  /** Streams that it breaks: as many as a full runner has when it is stopped. */
  resets: { burst: 2_000, perSecond: 50 },
  /** Bytes on the wire that are not content, beyond what each stream and each content byte allow. */
  overhead: { burst: 4 * MIB, perSecond: 64 * 1024 },
} as const
const OVERHEAD_PER_STREAM_BYTES = 4096
/** Frames of a token each have some nine bytes of head to a hundred of content. */
const OVERHEAD_PER_CONTENT_BYTE = 0.5

/** A connection that counts what it received. */
export type CountingSocket = Duplex & Pick<Socket, 'bytesRead'>

/**
 * Why a tunnel is of no more use. `goodbye`: the runner will close it. `closed`: it did. `silent`: nothing came. `ended`: we
 * did. `reset`: the network or the peer broke the connection. `protocol`: what came is not HTTP/2 as agreed. `failed`:
 * anything else. `pushes` and the names of budgets: it did more than answer.
 */
export type TunnelEnd =
  | 'goodbye'
  | 'closed'
  | 'silent'
  | 'ended'
  | 'reset'
  | 'protocol'
  | 'failed'
  | 'pushes'
  | keyof typeof BUDGETS

/** How Node's codes begin. */
const FAILURES: readonly (readonly [string, TunnelEnd])[] = [
  ['ECONNRESET', 'reset'],
  ['ECONNABORTED', 'reset'],
  ['EPIPE', 'reset'],
  ['ETIMEDOUT', 'reset'],
  ['ERR_HTTP2_', 'protocol'],
]

function endOf(error: NodeJS.ErrnoException): TunnelEnd {
  if (error instanceof CutTunnel) return error.end
  return FAILURES.find(([start]) => error.code?.startsWith(start))?.[1] ?? 'failed'
}

/** @param onEnd called when the connection is of no more use: first with the reason */
export function openTunnelSession(
  socket: CountingSocket,
  options: { readonly nowMs: () => number; readonly onEnd: (why: TunnelEnd) => void },
): TunnelSession {
  const { nowMs } = options
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const session = connectOver(socket)
  let why: TunnelEnd = 'closed'
  const destroy = (end: TunnelEnd, code: number = constants.NGHTTP2_CANCEL): void => {
    // Node takes a code beside an error only: without one, answers that are cut would end as whole ones do.
    session.destroy(new CutTunnel(end), code)
    socket.destroy()
  }
  const guarded = guard(session, nowMs, (end) => destroy(end, constants.NGHTTP2_ENHANCE_YOUR_CALM))
  const resets = paceResets(session)
  const traffic = { content: 0, streams: 0, settledBytes: socket.bytesRead }
  const calls: CallDeps = {
    resets,
    onReset: guarded.reset,
    onContent: (bytes) => {
      traffic.content += bytes
    },
    paused: new Set(),
  }
  let silentTicks = 0
  let heardBytes = socket.bytesRead
  let isRetired = false
  session.on('error', (error) => {
    why = endOf(error)
  })
  session.once('close', () => {
    socket.destroy()
    options.onEnd(why)
  })
  session.once('connect', () => {
    if (!session.destroyed) session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
  })
  // A peer that will close: what it still answers is whole, but nothing new goes there.
  session.once('goaway', () => {
    isRetired = true
    options.onEnd('goodbye')
  })

  return {
    send(runner, request, incoming) {
      if (isRetired || session.closed || session.destroyed) return 'refused'
      if (resets.isClogged) return 'full'
      const { method, path, headers, body } = request
      const length = body === null ? {} : { 'content-length': String(body.length) }
      const stream = session.request(
        { ...headers, ...length, ':method': method, ':path': path, ':authority': runner },
        { endStream: body === null },
      )
      traffic.streams++
      const call = new TunnelCall(stream, incoming, calls)
      if (body !== null) sendBody(stream, body)
      return call
    },
    tick() {
      resets.tick()
      for (const call of calls.paused) call.tellWaiting()
      guarded.overhead(overheadOf(socket, traffic))
      silentTicks = socket.bytesRead === heardBytes ? silentTicks + 1 : 0
      heardBytes = socket.bytesRead
      if (silentTicks > SILENT_AFTER_TICKS) destroy('silent')
      else if (silentTicks === PING_AFTER_TICKS && !session.destroyed) session.ping(() => {})
    },
    retire() {
      isRetired = true
      if (!session.closed) session.close()
    },
    destroy: () => destroy('ended'),
    closed,
  }
}

/** Why we end a session, as it and its streams are told. */
class CutTunnel extends Error {
  override readonly name = 'CutTunnel'
  readonly end: TunnelEnd

  constructor(end: TunnelEnd) {
    super('the tunnel was cut')
    this.end = end
  }
}

function connectOver(socket: Duplex): ClientHttp2Session {
  return connect('http://runner', {
    createConnection: () => new EagerSocket(socket),
    maxSessionMemory: MAX_SESSION_MEMORY_MIB,
    maxHeaderListPairs: MAX_HEADER_PAIRS,
    maxReservedRemoteStreams: 0,
    settings: {
      enablePush: false,
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxHeaderListSize: MAX_HEADER_BYTES,
      maxConcurrentStreams: 0,
    },
  })
}

/** Ends the connection when the peer overdraws a budget. */
function guard(
  session: ClientHttp2Session,
  nowMs: () => number,
  end: (why: keyof typeof BUDGETS | 'pushes') => void,
) {
  const spender = (name: keyof typeof BUDGETS): ((amount: number) => void) => {
    const { burst, perSecond } = BUDGETS[name]
    const budget = createBudget(burst, perSecond)
    return (amount) => {
      if (!budget.spend(amount, nowMs())) end(name)
    }
  }
  const control = spender('control')
  const resets = spender('resets')
  session.on('ping', () => control(1))
  session.on('remoteSettings', () => control(1))
  session.on('stream', () => end('pushes'))
  return { reset: () => resets(1), overhead: spender('overhead') }
}

interface Traffic {
  content: number
  streams: number
  settledBytes: number
}

/** Bytes since the last call that neither content nor streams explain. */
function overheadOf(socket: CountingSocket, traffic: Traffic): number {
  const received = socket.bytesRead - traffic.settledBytes
  const allowed =
    traffic.content * (1 + OVERHEAD_PER_CONTENT_BYTE) + traffic.streams * OVERHEAD_PER_STREAM_BYTES
  traffic.settledBytes = socket.bytesRead
  traffic.content = 0
  traffic.streams = 0
  return Math.max(0, received - allowed)
}
