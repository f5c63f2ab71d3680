import type OpenAI from 'openai'
import type { Connection, VerifiedReceipt } from '#client'
import type { WorldEngine } from '#dev/world/plan-world.ts'
import type { Payer } from '../support/account.ts'
import { ENGINE_MODEL, type EngineServer } from '../support/engine-server.ts'

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
  /** A client that verified the runner itself and seals to it. */
  readonly sealed: Connection
  /** What it checked so far. */
  readonly receipts: readonly VerifiedReceipt[]
}

export const MODEL = 'acme/scripted-1'

/** A runner in front of a real HTTP engine. */
export function engineOf({ url }: EngineServer): WorldEngine {
  return {
    model: MODEL,
    engine: { kind: 'openai-url', url, apiKey: undefined, engineModel: ENGINE_MODEL },
    weights: `sha256:${'0'.repeat(64)}`,
  }
}

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

/** The SDK's client at that address, with further options. */
export type MakeClient = (more?: object) => OpenAI
