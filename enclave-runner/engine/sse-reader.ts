import { EngineError } from './engine-error.ts'

/** Reads `data:` payloads from an event stream that arrives in pieces of any size. */
export interface SseReader {
  /** Payloads of every event that this piece completed. @throws EngineError engine_failed */
  push(piece: Uint8Array): readonly string[]
}

/** Longest event that an engine may send, in UTF-16 units. */
const MAX_EVENT_LENGTH = 8 * 1024 * 1024

/**
 * Comments, other fields and events without data are skipped; CR LF, LF and CR end lines; several
 * `data` lines of one event are joined by a line feed.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function createSseReader(): SseReader {
  const decoder = new TextDecoder()
  let rest = ''
  let data: string[] = []
  const readLine = (line: string, payloads: string[]): void => {
    if (line === '') {
      if (data.length > 0) payloads.push(data.join('\n'))
      data = []
    } else if (line.startsWith('data:')) {
      data.push(line.startsWith('data: ') ? line.slice(6) : line.slice(5))
    }
  }
  return {
    push(piece) {
      rest += decoder.decode(piece, { stream: true })
      if (rest.length > MAX_EVENT_LENGTH) {
        throw new EngineError('engine_failed', 'the engine sent an event that is too long')
      }
      const payloads: string[] = []
      let start = 0
      for (let at = start; at < rest.length; at++) {
        const char = rest.charCodeAt(at)
        if (char !== 10 && char !== 13) continue
        // A CR at the very end may be half of a CR LF: wait for the next piece.
        if (char === 13 && at + 1 === rest.length) break
        readLine(rest.slice(start, at), payloads)
        if (char === 13 && rest.charCodeAt(at + 1) === 10) at++
        start = at + 1
      }
      rest = rest.slice(start)
      return payloads
    },
  }
}
