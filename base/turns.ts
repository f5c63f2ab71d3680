/** A thing that takes one caller at a time: work runs in the order in which it was asked for. */
export interface Turns {
  /**
   * @param most who may be in line before this caller is refused; less than all keeps places for others
   * @throws what `refused` makes, when too many wait
   */
  take<T>(work: () => Promise<T>, most?: number): Promise<T>
  /** The same; calls under one name share the first one's work while it waits or runs. */
  share<T>(name: string, work: () => Promise<T>, most?: number): Promise<T>
}

/** @param mostWaiting callers in line, the one being served included */
export function createTurns(mostWaiting: number, refused: () => Error): Turns {
  const shared = new Map<string, Promise<unknown>>()
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()
  async function take<T>(work: () => Promise<T>, most = mostWaiting): Promise<T> {
    if (waiting >= most) throw refused()
    waiting++
    const turn = last.then(work, work)
    last = turn.catch(() => {})
    return turn.finally(() => waiting--)
  }
  return {
    take,
    share<T>(name: string, work: () => Promise<T>, most?: number): Promise<T> {
      // Sound: one name stands for one kind of work, which its caller chose.
      const known = shared.get(name) as Promise<T> | undefined
      if (known !== undefined) return known
      const made = take(work, most)
      shared.set(name, made)
      const forget = (): void => void shared.delete(name)
      made.then(forget, forget)
      return made
    },
  }
}
