import { utf8 } from '#base/bytes.ts'
import { type BodySealer, PACE, padSse } from '#protocol'
import type { HttpResponse } from './http.ts'
import { nextRoom, type SealedStream } from './sealed-stream.ts'

/** The shortest comment that fills a gap. */
const MIN_COMMENT_BYTES = 3
/** An engine this far ahead of its pace waits. */
const MAX_QUEUED_BYTES = 64 * 1024

/**
 * Events at a fixed rate: one frame of one size at each tick, with or without anything in it, so that neither
 * counts, sizes nor moments of frames follow the tokens (M18). Only an event that is longer than a frame shows.
 * @see SPEC.md section 3.5
 */
export function createPacedStream(
  response: HttpResponse,
  sealer: BodySealer<'sync'>,
  paceMs: number,
): SealedStream {
  let queue: Uint8Array[] = []
  let queuedBytes = 0
  let isDone = false
  let isFull = false
  let waiting: { readonly below: number; readonly resolve: () => void }[] = []
  const timer = setInterval(tick, paceMs)
  response.on('close', stop)

  function tick(): void {
    if (isFull) return
    const hasRoom = response.write(sealer.seal(padSse(take(), PACE.frameBytes)))
    settle()
    if (hasRoom) return
    isFull = true
    void nextRoom(response, () => {
      isFull = false
    })
  }
  /** As many whole events as fit, or one that is longer. */
  function take(): Uint8Array {
    let count = 0
    let bytes = 0
    for (const event of queue) {
      const fits = bytes + event.length <= PACE.frameBytes - MIN_COMMENT_BYTES
      if (!fits && count > 0) break
      count++
      bytes += event.length
    }
    const taken = Buffer.concat(queue.slice(0, count))
    queue = queue.slice(count)
    queuedBytes -= bytes
    return taken
  }
  function settle(): void {
    const ready = waiting.filter(({ below }) => isDone || queuedBytes < below)
    waiting = waiting.filter((one) => !ready.includes(one))
    for (const { resolve } of ready) resolve()
  }
  function wait(below: number): Promise<void> {
    if (isDone || queuedBytes < below) return Promise.resolve()
    return new Promise((resolve) => waiting.push({ below, resolve }))
  }
  function stop(): void {
    isDone = true
    clearInterval(timer)
    settle()
  }
  return {
    push(events) {
      for (const event of events.split(/(?<=\n\n)/)) {
        const bytes = utf8(event)
        queue.push(bytes)
        queuedBytes += bytes.length
      }
    },
    drained: () => wait(MAX_QUEUED_BYTES),
    flush: () => wait(1),
    end(lastFrame) {
      stop()
      response.write(sealer.seal(lastFrame))
      response.end(sealer.end())
    },
    abandon: stop,
  }
}
