import type { Clock } from '#base/brand.ts'
import type { GatewayConfig } from '../config.ts'
import { createWaitingRoom, type WaitingRoom } from '../inference/waiting-room.ts'
import type { Runners } from '../runners/directory.ts'

/**
 * Requests that wait for a busy runner. In a Worker one request cannot wake another, so that each looks again by itself
 * every second, at a fresh copy of the market; who finds a place first has it.
 */
export interface Queue {
  readonly size: number
  /** A room for one request: it has at most one guest. `look` is its second. */
  open(): WaitingRoom & { look(): void }
}

export function createQueue(deps: {
  readonly config: Pick<GatewayConfig, 'queue' | 'maxBodyBytes'>
  readonly replica: Pick<Runners, 'prepare'>
  readonly clock: Clock
}): Queue {
  const { config, replica, clock } = deps
  const { requests, seconds } = config.queue
  let size = 0
  return {
    get size() {
      return size
    },
    open() {
      // Limits on how many wait count for the whole place, the room's own for its one guest.
      const places = size < requests ? 1 : 0
      const limits = { requests: places, seconds, bytes: config.maxBodyBytes }
      const room = createWaitingRoom(limits, clock)
      let models: readonly string[] = []
      return {
        ...room,
        get size() {
          return room.size
        },
        async wait(guest, take) {
          size++
          models = guest.models
          try {
            return await room.wait(guest, take)
          } finally {
            size--
            models = []
          }
        },
        look() {
          if (models.length === 0) return
          const fresh = models.map((model) => replica.prepare({ model }))
          // Without a fresh copy the old one serves: the second counts all the same.
          void Promise.allSettled(fresh).then(() => room.tick())
        },
      }
    },
  }
}
