import { ProtocolError, parseTranscription, type Transcription } from '#protocol'
import { openDialect } from '../engine/dialects/open-dialect.ts'
import type { JsonObject } from '../engine/engine.ts'
import { invalid, unsupported } from '../engine/fields.ts'
import {
  type AcceptedRequest,
  checkModel,
  type ReadRequestInput,
  unserved,
  withoutPadding,
} from './accepted-request.ts'
import { ServeError } from './serve-error.ts'

const ENDPOINT = '/v1/audio/transcriptions'
/** Formats that are JSON: the receipt is a member of the answer. */
const FORMATS: ReadonlySet<string> = new Set(['json', 'verbose_json', 'diarized_json'])

const OWN: ReadonlySet<string> = new Set(['model', 'stream', 'provider'])

/**
 * Judges a form with a recording before the engine sees it.
 * @throws ServeError, EngineError
 */
export function readRecording(input: ReadRequestInput): AcceptedRequest {
  const { model, stream, fields, file, bound } = parse(input.plaintext)
  checkModel(model, input)
  const format = fields.get('response_format')?.[0] ?? 'json'
  if (!FORMATS.has(format)) {
    throw unsupported('response_format', `response_format takes ${[...FORMATS].join(', ')}`)
  }
  if (bound.promptTokens > input.allowance.max_prompt_tokens) {
    throw new ServeError('allowance_exceeded', 'the recording is longer than the allowance', 'file')
  }
  const dialect = openDialect(ENDPOINT, fieldsOf(fields), input.engine)
  if (dialect === undefined) throw unserved(ENDPOINT)
  return {
    ...dialect,
    file: { ...file, bound: bound.promptTokens },
    stream,
    paceMs: undefined,
    promptTokens: undefined,
  }
}

function parse(plaintext: Uint8Array): Transcription {
  try {
    return parseTranscription(withoutPadding(plaintext))
  } catch (error) {
    if (error instanceof ProtocolError) throw invalid('file', error.message)
    throw error
  }
}

/** What the runner or the gateway decides is no field of the engine's. */
function fieldsOf(fields: Transcription['fields']): JsonObject {
  const told = [...fields].filter(([name]) => !OWN.has(name))
  return Object.fromEntries(
    told.map(([name, values]) => [name, name.endsWith('[]') ? values : (values[0] ?? '')]),
  )
}
