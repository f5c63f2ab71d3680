import type OpenAI from 'openai'
import { describe } from 'vitest'
import type { At } from './at.ts'
import { chatTests } from './openai/chat.ts'
import { completionTests } from './openai/completions.ts'
import { embeddingTests } from './openai/embeddings.ts'
import { failureTests } from './openai/failures.ts'
import { modelTests } from './openai/models.ts'
import { responseTests } from './openai/responses.ts'
import { soundTests } from './openai/transcriptions.ts'

/** @param Client the package's class, of whatever major version */
export function openaiSuite(name: string, Client: typeof OpenAI, told: () => At): void {
  describe(name, () => {
    const client = (more: object = {}) => {
      const { baseURL, apiKey } = told()
      return new Client({ baseURL, apiKey, maxRetries: 0, ...more })
    }
    chatTests(client, told)
    responseTests(client, told)
    completionTests(client, told)
    embeddingTests(client, told)
    modelTests(client, told)
    soundTests(client, told)
    failureTests(client, told, Client)
  })
}
