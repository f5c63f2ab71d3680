import type { Payer } from '../support/account.ts'
import type { EngineServer } from '../support/engine-server.ts'

/** What a client is told by whoever runs the gateway, and what its tests look at behind it. */
export interface At {
  /** Ends in `/v1`. */
  readonly baseURL: string
  readonly apiKey: string
  /** Of an account without money. */
  readonly poorKey: string
  /** The model's id; it has a slash. */
  readonly model: string
  readonly engine: EngineServer
  readonly payer: Payer
}

export const MODEL = 'acme/scripted-1'

export const ADD_SCHEMA = {
  type: 'object',
  properties: { a: { type: 'number' }, b: { type: 'number' } },
  required: ['a', 'b'],
  additionalProperties: false,
} as const

export const PERSON_SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'number' } },
  required: ['name', 'age'],
  additionalProperties: false,
} as const

export const SENTENCE = 'Hello, this is a longer answer with ten words.'
