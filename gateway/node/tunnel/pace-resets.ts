import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'

/** Breaks streams that nobody waits for, no faster than the runner takes it. */
export interface Resets {
  /** Now, or once there is room: until then the stream runs on, and its bytes are dropped. */
  reset(stream: ClientHttp2Stream): void
  /** Called every second. */
  tick(): void
  /** Abandoned streams have so many of the runner's places that others would wait behind them. */
  readonly isClogged: boolean
}

/**
 * Half of what a runner takes before it cuts the tunnel, and everybody's answers with it (SPEC 9.5): what we send in
 * several seconds may reach it in one.
 */
const BURST = 1_000
const PER_SECOND = 100
const PER_PLACE = { burst: 1, perSecond: 0.5 } as const
/** What a runner that names no number of streams is taken to have. */
const UNSAID_PLACES = 128
const MAX_PLACES = 65_536

export function paceResets(session: Pick<ClientHttp2Session, 'remoteSettings'>): Resets {
  const waiting = new Set<ClientHttp2Stream>()
  let spent = 0
  const places = (): number => {
    const said = session.remoteSettings.maxConcurrentStreams ?? UNSAID_PLACES
    return said > MAX_PLACES ? UNSAID_PLACES : said
  }
  const burst = (): number => BURST + PER_PLACE.burst * places()
  const close = (stream: ClientHttp2Stream): void => {
    spent++
    stream.close(constants.NGHTTP2_CANCEL)
  }
  return {
    reset(stream) {
      if (stream.closed) return
      if (spent < burst()) {
        close(stream)
        return
      }
      waiting.add(stream)
      stream.once('close', () => waiting.delete(stream))
    },
    tick() {
      spent = Math.max(0, spent - Math.max(PER_SECOND, PER_PLACE.perSecond * places()))
      for (const stream of waiting) {
        if (spent >= burst()) return
        waiting.delete(stream)
        close(stream)
      }
    },
    get isClogged() {
      return waiting.size > places() / 2
    },
  }
}
