import type { Nano } from '#base/nano.ts'
import { type HeaderReader, TEMPLATE_TOKENS, transcriptionBound } from '#protocol'
import { ApiError } from '../errors.ts'
import type { Terms } from '../ledger/port.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import type { InferenceDeps } from './deps.ts'
import type { InferencePath } from './endpoints.ts'
import { type Bound, type BoundInput, boundOf, shortenTo } from './terms.ts'

/** What can be seen of a body that was sealed before it came. */
export interface SealedSizes {
  readonly runner: LiveRunner
  readonly path: InferencePath
  readonly body: Uint8Array
  readonly header: HeaderReader
}

type SizeOf = (bytes: number, header: HeaderReader) => Omit<BoundInput, keyof Room>
type Room = Pick<BoundInput, 'contextLength' | 'maxOutputTokens'>

const MAX_TOKENS = /^[1-9][0-9]{0,8}$/

/** A sealed body is padded and framed; the text inside is never longer. */
const text: SizeOf = (bytes, header) => ({
  promptBound: bytes + TEMPLATE_TOKENS,
  maxTokens: readMaxTokens(header('x-cocoon-max-tokens')),
  choices: 1,
  inWindows: false,
})

/** Where the bytes alone do not bound tokens. */
const SIZES: Partial<Record<InferencePath, SizeOf>> = {
  '/v1/embeddings': (bytes, header) => ({
    ...text(bytes, header),
    maxTokens: 0,
    inWindows: true,
  }),
  '/v1/messages/count_tokens': () => ({
    promptBound: 0,
    maxTokens: 0,
    choices: 1,
    inWindows: false,
  }),
  '/v1/audio/transcriptions': (bytes) => {
    const { promptTokens, completionTokens } = transcriptionBound(bytes)
    return { promptBound: promptTokens, maxTokens: completionTokens, choices: 1, inWindows: true }
  },
}

/**
 * The most that a sealed body may cost.
 * @param most the sealer's own maximum: it shortens the answer
 * @throws ApiError `model_not_found`, `cost_above_maximum`, `invalid_request`
 */
export function boundSealed(
  deps: Pick<InferenceDeps, 'catalog' | 'quoteTerms'>,
  { runner, path, body, header }: SealedSizes,
  most: Nano | undefined,
): { readonly terms: Terms; readonly bound: Bound } {
  const offer = deps.catalog.find(runner.model)
  if (offer === undefined) throw new ApiError('model_not_found', 'This model is not on sale here')
  const terms = deps.quoteTerms(runner, offer)
  const { contextLength, maxOutputTokens } = runner.lease
  const size = (SIZES[path] ?? text)(body.length, header)
  const whole = boundOf({ ...size, contextLength, maxOutputTokens }, terms.price)
  const bound = most === undefined ? whole : shortenTo(whole, most, terms.price)
  if (bound !== undefined) return { terms, bound }
  throw new ApiError(
    'cost_above_maximum',
    'The prompt alone may cost more than the sealed maxCost',
    { extra: { required: whole.cost.toString() } },
  )
}

function readMaxTokens(value: ReturnType<HeaderReader>): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' && MAX_TOKENS.test(value)) return Number(value)
  throw new ApiError('invalid_request', 'x-cocoon-max-tokens must be a positive integer', {
    param: 'x-cocoon-max-tokens',
  })
}
