import type { Bytes } from '#base/bytes.ts'
import {
  type BodyOpener,
  type CryptoMode,
  isReceiptFrame,
  ProtocolError,
  type Receipt,
  receiptOfFrame,
  type Transcript,
} from '#protocol'
import { ClientError } from '../errors.ts'

/** An answer being opened, frame by frame. */
export interface OpenAnswer {
  /** Plaintext as it opens. Its end, and an event stream's `[DONE]`, come only after receipt and END were verified. */
  readonly chunks: AsyncGenerator<Bytes, void, undefined>
  /** Plaintext bytes so far, without the receipt's frame. */
  readonly length: () => number
}

const DONE = new TextEncoder().encode('data: [DONE]')
const NEWLINE = 0x0a
/** The frame with `[DONE]`, the receipt's, and some slack. */
const MAX_HELD_FRAMES = 8

/**
 * Opens the wire of one answer with memory bounded by one frame and one read:
 * 1. authenticate each frame  2. pass it on, but hold back what says that the answer is complete
 * 3. at the end: END, the receipt, its check; then the rest
 * @param check throws when the receipt is not this answer's
 */
export function openAnswer(
  wire: ReadableStream<Uint8Array>,
  with_: {
    readonly opener: BodyOpener<CryptoMode>
    readonly transcript: Transcript
    readonly check: (receipt: Receipt, answerBytes: number) => Promise<void>
  },
): OpenAnswer {
  const { opener, transcript, check } = with_
  let length = 0

  async function* chunks(): AsyncGenerator<Bytes, void, undefined> {
    const held: Bytes[] = []
    const reader = wire.getReader()
    let finished = false
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        for (const frame of await opener.push(value)) {
          const isReceipt = isReceiptFrame(frame)
          if (!isReceipt) length += frame.length
          if (held.length === 0 && !isReceipt && !saysDone(frame)) yield frame
          else if (held.push(frame) > MAX_HELD_FRAMES) throw afterDone()
        }
      }
      opener.end()
      finished = true
      await check(receiptOf(transcript), length)
    } catch (error) {
      // Callers know their own abort by its name.
      throw isAbort(error) ? error : brokenAnswer(error)
    } finally {
      // An answer that nobody reads on must not keep the engine busy.
      if (!finished) await reader.cancel().catch(() => undefined)
    }
    yield* held
  }

  return { chunks: chunks(), length: () => length }
}

function receiptOf(transcript: Transcript): Receipt {
  const frame = transcript.receiptFrame
  if (frame === undefined) {
    throw new ClientError('receipt_mismatch', 'The answer came without its receipt')
  }
  return receiptOfFrame(frame)
}

function afterDone(): ClientError {
  return new ClientError('answer_broken', 'The answer goes on after its end')
}

/** `data: [DONE]` at the start of a line; inside JSON a line cannot start. */
function saysDone(frame: Bytes): boolean {
  for (let at = frame.indexOf(DONE[0] ?? 0); at !== -1; at = frame.indexOf(DONE[0] ?? 0, at + 1)) {
    if (at > 0 && frame[at - 1] !== NEWLINE) continue
    if (DONE.every((byte, i) => frame[at + i] === byte)) return true
  }
  return false
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

const RECEIPT_FAULTS: ReadonlySet<string> = new Set(['receipt_mismatch', 'message_invalid'])
const CUTS: ReadonlySet<string> = new Set(['end_missing', 'frame_truncated'])

/** Whatever ends an answer before its time, by the name under which the caller knows it. */
function brokenAnswer(error: unknown): ClientError {
  if (error instanceof ClientError) return error
  if (!(error instanceof ProtocolError)) {
    return new ClientError('answer_cut', 'The connection broke', { cause: error })
  }
  const cut = CUTS.has(error.code) ? 'answer_cut' : 'answer_broken'
  const code = RECEIPT_FAULTS.has(error.code) ? 'receipt_mismatch' : cut
  return new ClientError(code, `The answer failed as ${error.code}`, { cause: error })
}
