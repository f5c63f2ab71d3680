import { constants, performServerHandshake, type ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Handler } from '../serve/handler.ts'
import { tunnelExchange } from './tunnel-exchange.ts'

/** A connection that counts what it received. */
export type CountingSocket = Duplex & Pick<Socket, 'bytesRead'>

/** Serves HTTP/2 over connections that this runner made itself. */
export interface TunnelServer {
  /**
   * Serves a gateway over a proven connection.
   * @returns when it has ended, why: `silent`, `closed` by the gateway or on the way, or a code of Node's
   */
  serve(socket: CountingSocket): Promise<string>
  /** Takes no more streams and resolves when the last one has ended. */
  close(): Promise<void>
  /** Cuts what is left. */
  cut(): void
}

const MIB = 1024 * 1024
const MAX_SESSION_MEMORY_MIB = 512
/** A prompt with pictures needs few round trips, and a slow stream holds no more than this. */
const STREAM_WINDOW_BYTES = MIB
const CONNECTION_WINDOW_BYTES = 32 * MIB
const MAX_HEADER_BYTES = 32_768
const MAX_HEADER_PAIRS = 64
/** Streams for evidence and health beside inference. */
const SPARE_STREAMS = 64
/**
 * Streams that the gateway may break beyond those that a full runner has: clients that leave, in a burst and each second for
 * ever. All of a full runner's may leave at once, and their successors too.
 */
const RESETS = { burst: 2_000, perSecond: 200 }
const MAX_INVALID_FRAMES = 16
const MAX_REJECTED_STREAMS = 100
const TICK_MS = 1_000
/** Ticks without a byte after which a gateway is asked for one, and after which it is gone: a process that is late has fewer. */
const PING_AFTER_TICKS = 10
const SILENT_AFTER_TICKS = 15

/** Node takes a code beside an error only: without one, what is cut would end as if it were whole. */
const CUT = new Error('the tunnel was cut')

export function createTunnelServer(
  handler: Pick<Handler, 'handle'>,
  capacity: number,
): TunnelServer {
  const sessions = new Set<ServerHttp2Session>()
  const most = capacity + SPARE_STREAMS
  const options = {
    maxSessionMemory: MAX_SESSION_MEMORY_MIB,
    maxHeaderListPairs: MAX_HEADER_PAIRS,
    maxSessionInvalidFrames: MAX_INVALID_FRAMES,
    maxSessionRejectedStreams: MAX_REJECTED_STREAMS,
    streamResetBurst: RESETS.burst + 2 * most,
    streamResetRate: Math.max(RESETS.perSecond, most),
    settings: {
      enablePush: false,
      maxConcurrentStreams: most,
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxHeaderListSize: MAX_HEADER_BYTES,
    },
  }
  return {
    serve: (socket) =>
      new Promise((resolve) => {
        let why = 'closed'
        socket.once('close', () => resolve(why))
        const session = performServerHandshake(socket, options)
        sessions.add(session)
        session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
        session.on('error', (error: NodeJS.ErrnoException) => {
          if (why === 'closed') why = error.code ?? error.name
        })
        session.on('stream', (stream, headers) => {
          stream.on('error', () => {})
          const { request, response } = tunnelExchange(stream, headers)
          handler.handle(request, response)
        })
        const stopPings = keepAlive(session, socket, () => {
          why = 'silent'
          session.destroy(CUT, constants.NGHTTP2_CANCEL)
        })
        session.once('close', () => {
          stopPings()
          sessions.delete(session)
          socket.destroy()
        })
      }),
    close: async () => {
      const open = [...sessions]
      await Promise.all(
        open.map((session) => new Promise<void>((resolve) => session.close(resolve))),
      )
    },
    cut: () => {
      for (const session of sessions) session.destroy(CUT, constants.NGHTTP2_INTERNAL_ERROR)
    },
  }
}

/** A path that went silent (a proxy, a NAT) is noticed: not even a ping is answered. */
function keepAlive(
  session: ServerHttp2Session,
  socket: CountingSocket,
  giveUp: () => void,
): () => void {
  let silentTicks = 0
  let heardBytes = socket.bytesRead
  const beat = setInterval(() => {
    silentTicks = socket.bytesRead === heardBytes ? silentTicks + 1 : 0
    heardBytes = socket.bytesRead
    if (silentTicks > SILENT_AFTER_TICKS) giveUp()
    else if (silentTicks === PING_AFTER_TICKS && !session.destroyed) session.ping(() => {})
  }, TICK_MS)
  beat.unref()
  return () => clearInterval(beat)
}
