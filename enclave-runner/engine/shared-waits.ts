/** Calls back when so many milliseconds have passed. @returns takes it back */
export type SharedWait = (ms: number, end: () => void) => () => void

interface Waiting {
  readonly due: number
  readonly end: () => void
}

/** Waits that end in one turn of the event loop; those after them let it read and write first. */
const A_TURN = 128

/**
 * One timer for all waits of one length. With a timer for each, thousands of them could starve a process: Node runs all that
 * are due before it reads or writes, and in a process that is short of time they are due again by then.
 * @param nowMs monotonic
 */
export function createSharedWaits(nowMs: () => number): SharedWait {
  const lines = new Map<number, Set<Waiting>>()

  function endDue(ms: number, line: Set<Waiting>): void {
    let ended = 0
    for (const waiting of line) {
      const left = waiting.due - nowMs()
      if (left > 0) {
        setTimeout(endDue, left, ms, line)
        return
      }
      if (ended++ === A_TURN) {
        setImmediate(endDue, ms, line)
        return
      }
      line.delete(waiting)
      waiting.end()
    }
    lines.delete(ms)
  }

  function lineOf(ms: number): Set<Waiting> {
    const known = lines.get(ms)
    if (known !== undefined) return known
    const made = new Set<Waiting>()
    lines.set(ms, made)
    setTimeout(endDue, ms, ms, made)
    return made
  }

  return (ms, end) => {
    const line = lineOf(ms)
    const waiting = { due: nowMs() + ms, end }
    line.add(waiting)
    return () => void line.delete(waiting)
  }
}
