import { utf8 } from '#base/bytes.ts'
import type { BodySealer } from '#protocol'
import { COALESCE_MS, padSse } from '#protocol'
import type { HttpResponse } from './http.ts'

/** Sealed server-sent events: small events share frames, frames have padded sizes. */
export interface SealedStream {
  /** Queues whole events; they leave within a few milliseconds. */
  push(events: string): void
  /** Resolves when the client has room again; at once while it has. */
  drained(): Promise<void>
  /** Seals what is queued; resolves when it was. */
  flush(): Promise<void>
  /** Seals the last frames, then END, and closes the answer. */
  end(lastFrame: Uint8Array): void
  /** Stops timers; what is queued is dropped. */
  abandon(): void
}

export interface SealedStreamOptions {
  /** Pad frames to size buckets: between our own peers. */
  readonly pad: boolean
}

/** Silence after which a comment keeps proxies from closing the connection. */
const KEEP_ALIVE_MS = 15_000
const KEEP_ALIVE = ': keep-alive\n\n'
/** More than this is not held back for company. */
const FLUSH_LENGTH = 16_384

/**
 * The first event of a quiet stream leaves in the same turn of the event loop; later ones gather for
 * `COALESCE_MS`, so that frames do not show single tokens.
 */
export function createSealedStream(
  response: HttpResponse,
  sealer: BodySealer<'sync'>,
  options: SealedStreamOptions,
): SealedStream {
  let queued = ''
  let gathering: NodeJS.Timeout | undefined
  let isGathering = false
  let isDone = false
  let room: Promise<void> | undefined
  const keepAlive = setInterval(() => push(KEEP_ALIVE), KEEP_ALIVE_MS)
  keepAlive.unref()

  const flush = (): void => {
    if (queued === '' || isDone) return
    const events = utf8(queued)
    queued = ''
    keepAlive.refresh()
    const hasRoom = response.write(sealer.seal(options.pad ? padSse(events) : events))
    if (!hasRoom && room === undefined) room = nextRoom(response, () => (room = undefined))
  }
  const gather = (): void => {
    isGathering = queued !== ''
    flush()
    if (isGathering) gathering?.refresh()
  }
  const push = (events: string): void => {
    queued += events
    if (queued.length >= FLUSH_LENGTH) flush()
    if (isGathering || isDone) return
    isGathering = true
    setImmediate(flush)
    if (gathering === undefined) gathering = setTimeout(gather, COALESCE_MS)
    else gathering.refresh()
  }
  const stop = (): void => {
    isDone = true
    clearInterval(keepAlive)
    clearTimeout(gathering)
  }
  return {
    push,
    flush: async () => flush(),
    drained: () => room ?? Promise.resolve(),
    end(lastFrame) {
      flush()
      stop()
      response.write(sealer.seal(lastFrame))
      response.end(sealer.end())
    },
    abandon: stop,
  }
}

/** Resolves when the peer takes more, or is gone. */
export function nextRoom(response: HttpResponse, then: () => void): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      then()
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}
