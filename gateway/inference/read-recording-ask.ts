import { type Bytes, utf8 } from '#base/bytes.ts'
import { ProtocolError, parseForm, parseTranscription, type Transcription } from '#protocol'
import { ApiError } from '../errors.ts'
import { NO_DEMANDS } from './demands.ts'
import { readPreferences } from './preferences.ts'
import { type Ask, readConstraints, readModels } from './read-ask.ts'

/**
 * Reads a form with a recording. A form has no objects: `provider` is one field of JSON there.
 * @throws ApiError
 */
export function readRecordingAsk(path: Ask['path'], body: Uint8Array): Ask {
  const { model, stream, fields, bound } = parse(body)
  const provider = readProvider(fields)
  const preferences = readPreferences(provider)
  if (preferences.requireParameters) {
    // Runners tell what they honour in chats alone.
    throw new ApiError('unsupported_parameter', 'A recording takes no require_parameters', {
      param: 'provider.require_parameters',
    })
  }
  return {
    path,
    models: readModels({ model }),
    stream,
    choices: 1,
    maxTokens: bound.completionTokens,
    promptBound: bound.promptTokens,
    inWindows: true,
    cacheKey: undefined,
    preferences,
    constraints: readConstraints(provider),
    demands: NO_DEMANDS,
  }
}

function parse(body: Uint8Array): Transcription {
  try {
    return parseTranscription(body)
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ApiError('invalid_request', cause.message, { cause })
  }
}

function readProvider(fields: Transcription['fields']): unknown {
  const text = fields.get('provider')?.[0]
  const isSpread = [...fields.keys()].some((name) => name.startsWith('provider['))
  if (text === undefined && !isSpread) return undefined
  try {
    if (text !== undefined && !isSpread) return JSON.parse(text)
  } catch {
    // Falls through to the one error.
  }
  // A filter that would be ignored in silence is worse than none.
  throw new ApiError('invalid_request', 'provider must be one field of JSON in a form', {
    param: 'provider',
  })
}

/** What two of the same form have in common: clients draw another boundary each time. */
export function formContent(body: Uint8Array): readonly Uint8Array[] {
  try {
    return parseForm(body).flatMap(({ name, filename, type, bytes }) => [
      headOf([name, filename ?? null, type ?? null, bytes.length]),
      bytes,
    ])
  } catch {
    return [body]
  }
}

function headOf(head: readonly (string | number | null)[]): Bytes {
  return utf8(JSON.stringify(head))
}
