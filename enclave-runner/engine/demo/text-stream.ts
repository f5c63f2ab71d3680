/** What `push` lets through: text that can no longer be part of a stop sequence. */
export interface TextStep {
  readonly text: string
  readonly stopped: boolean
}

/** Turns token bytes into text that may be shown at once. */
export interface TextStream {
  push(bytes: Uint8Array): TextStep
  /** What was held back when generation ended without a stop sequence. */
  flush(): string
}

/**
 * Joins UTF-8 sequences that span tokens, drops the space that the vocabulary puts before the first
 * word, and holds back a tail that may grow into a stop sequence. A stop sequence is not shown.
 */
export function createTextStream(stops: readonly string[], dropLeadingSpace: boolean): TextStream {
  const decoder = new TextDecoder()
  let held = ''
  let isFirst = dropLeadingSpace
  const take = (text: string): void => {
    if (isFirst && text !== '') {
      isFirst = false
      held += text.startsWith(' ') ? text.slice(1) : text
    } else {
      held += text
    }
  }
  return {
    push(bytes) {
      take(decoder.decode(bytes, { stream: true }))
      const stopAt = firstStop(held, stops)
      if (stopAt !== undefined) {
        const text = held.slice(0, stopAt)
        held = ''
        return { text, stopped: true }
      }
      const safe = held.length - longestPartialStop(held, stops)
      const text = held.slice(0, safe)
      held = held.slice(safe)
      return { text, stopped: false }
    },
    flush() {
      take(decoder.decode())
      const text = held
      held = ''
      return text
    },
  }
}

function firstStop(text: string, stops: readonly string[]): number | undefined {
  const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  return found.length === 0 ? undefined : Math.min(...found)
}

/** Length of the longest tail of `text` that begins some stop sequence. */
function longestPartialStop(text: string, stops: readonly string[]): number {
  let longest = 0
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length
    }
  }
  return longest
}
