import { fromUtf8 } from '#base/bytes.ts'
import { ProtocolError } from './errors.ts'
import { type FormPart, parseForm } from './form.ts'
import { TEMPLATE_TOKENS } from './prompt-bound.ts'

/** What a request for `/v1/audio/transcriptions` asks. @see SPEC.md section 8.5 */
export interface Transcription {
  readonly model: string
  readonly stream: boolean
  /** Every field but the recording, as it came; only names that end in `[]` have several values. */
  readonly fields: ReadonlyMap<string, readonly string[]>
  readonly file: FormPart
  /** The most that it can be charged for. */
  readonly bound: TranscriptionBound
}

export interface TranscriptionBound {
  readonly promptTokens: number
  readonly completionTokens: number
}

const MAX_FIELD_BYTES = 64 * 1024
const MAX_NAME = 64
const TRUE = /^(?:true|1)$/i
const FALSE = /^(?:false|0|)$/i
/** A second of sound, where the engine tells seconds: the frames that Whisper's encoder reads. */
const TOKENS_PER_SECOND = 100
/** No speech codec makes a second smaller than this; of a recording that is, the rest is not charged. */
const BYTES_PER_SECOND = 400
/** Whisper writes at most 448 tokens for half a minute, nobody speaks faster. */
const TEXT_TOKENS_PER_SECOND = 20

/** Tokens that so much sound is charged as. */
export function audioTokens(seconds: number): number {
  return Math.ceil(seconds * TOKENS_PER_SECOND)
}

/** @throws ProtocolError `message_invalid` */
export function parseTranscription(body: Uint8Array): Transcription {
  const fields = new Map<string, readonly string[]>()
  let file: FormPart | undefined
  for (const part of parseForm(body)) {
    if (part.filename === undefined) addField(fields, part)
    else if (part.name !== 'file' || file !== undefined) throw invalid('takes one file')
    else file = part
  }
  const model = fields.get('model')?.[0]
  if (model === undefined || model === '') throw invalid('names no model')
  if (file === undefined || file.bytes.length === 0) throw invalid('has no recording in file')
  const stream = fields.get('stream')?.[0] ?? ''
  if (!TRUE.test(stream) && !FALSE.test(stream)) throw invalid('has a stream that is no boolean')
  const bound = transcriptionBound(body.length)
  return { model, stream: TRUE.test(stream), fields, file, bound }
}

/** By the bytes alone, which is all that a gateway sees of a sealed one. */
export function transcriptionBound(bytes: number): TranscriptionBound {
  const seconds = Math.ceil(bytes / BYTES_PER_SECOND)
  return {
    promptTokens: TEMPLATE_TOKENS + audioTokens(seconds),
    completionTokens: TEMPLATE_TOKENS + seconds * TEXT_TOKENS_PER_SECOND,
  }
}

function addField(fields: Map<string, readonly string[]>, { name, bytes }: FormPart): void {
  if (name.length > MAX_NAME || bytes.length > MAX_FIELD_BYTES)
    throw invalid('has a field too long')
  const before = fields.get(name) ?? []
  if (before.length > 0 && !name.endsWith('[]')) throw invalid('repeats a field')
  fields.set(name, [...before, textOf(bytes)])
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    throw invalid('has a field that is not UTF-8')
  }
}

function invalid(what: string): ProtocolError {
  return new ProtocolError('message_invalid', `the form ${what}`)
}
