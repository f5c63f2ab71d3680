import { exact, list, oneOf, type Parsed } from './parse.ts'

/** The inference endpoints, by the path under which their clients know them. */
export const ENDPOINTS = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
  '/v1/messages',
  '/v1/messages/count_tokens',
  '/v1/audio/transcriptions',
] as const

/** Names of chat requests' members as model lists of this field use them; `structured_outputs`: JSON schemas hold. */
const PARAMETERS = [
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'stop',
  'seed',
  'n',
  'presence_penalty',
  'frequency_penalty',
  'repetition_penalty',
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'response_format',
  'structured_outputs',
  'reasoning',
] as const

export const MODALITIES = ['text', 'image', 'audio', 'video', 'file'] as const

export type Modality = (typeof MODALITIES)[number]

/** What a runner says that its model does. Closed lists: what stands in a model list is no peer's free text. */
export const parseCapabilities = exact({
  endpoints: list(oneOf(...ENDPOINTS), { max: ENDPOINTS.length }),
  supported_parameters: list(oneOf(...PARAMETERS), { max: PARAMETERS.length }),
  input_modalities: list(oneOf(...MODALITIES), { max: MODALITIES.length }),
})
export type Capabilities = Parsed<typeof parseCapabilities>
