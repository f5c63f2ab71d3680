import type { Log } from '../../log.ts'
import type { Breakage, Call, Incoming, OutgoingRequest } from '../../relay/ports.ts'
import { type CountingSocket, openTunnelSession, type TunnelSession } from './tunnel-session.ts'

/** Open tunnels by runner: one each (H15). */
export interface Tunnels {
  /** Takes a proven connection; it replaces the one that the runner had, whose streams may end. */
  open(runner: string, socket: CountingSocket): void
  /** Sends a request over the runner's tunnel; `refused` when there is none, `full` when it has no room. */
  send(runner: string, request: OutgoingRequest, incoming: Incoming): Call
  /** Takes nothing new; what is under way ends within `drainMs` or is cut. */
  close(drainMs: number): Promise<void>
}

export interface TunnelsDeps {
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  /** Told when a runner becomes reachable, and when it stops to be. */
  readonly onChange: (runner: string, isOpen: boolean) => void
  /** Whether the runner still has a lease. */
  readonly isKnown: (runner: string) => boolean
  readonly log: Log
}

const TICK_MS = 1_000

export function createTunnels(deps: TunnelsDeps): Tunnels {
  const current = new Map<string, TunnelSession>()
  const all = new Map<TunnelSession, string>()
  const tick = setInterval(() => {
    for (const [session, runner] of all) {
      session.tick()
      if (!deps.isKnown(runner)) session.destroy()
    }
  }, TICK_MS)
  tick.unref()

  return {
    open(runner, socket) {
      const session = openTunnelSession(socket, {
        nowMs: deps.nowMs,
        onEnd: (code) => {
          if (current.get(runner) !== session) return
          current.delete(runner)
          deps.log('warn', 'tunnel ended', { runner, code })
          deps.onChange(runner, false)
        },
      })
      all.set(session, runner)
      void session.closed.then(() => all.delete(session))
      const previous = current.get(runner)
      current.set(runner, session)
      previous?.retire()
      deps.onChange(runner, true)
    },
    send(runner, request, incoming) {
      const sent = current.get(runner)?.send(runner, request, incoming) ?? 'refused'
      return typeof sent === 'string' ? refuse(incoming, sent) : sent
    },
    async close(drainMs) {
      clearInterval(tick)
      const ends = all.keys().map((session) => session.closed)
      for (const session of all.keys()) session.retire()
      const cut = setTimeout(() => {
        for (const session of all.keys()) session.destroy()
      }, drainMs)
      await Promise.all(ends)
      clearTimeout(cut)
    },
  }
}

/** An answer never comes before `send` has returned. */
function refuse(incoming: Incoming, how: Breakage): Call {
  let isOver = false
  queueMicrotask(() => {
    if (!isOver) incoming.broken(how)
  })
  return {
    pause: () => {},
    resume: () => {},
    abort: () => {
      isOver = true
    },
  }
}
