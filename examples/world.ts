import { readFileSync } from 'node:fs'

/** Where to ask, and with what key: from the environment, or from the world that `npm start` runs in this folder. */
export function readWorld(): { baseURL: string; apiKey: string; model: string } {
  const { COCOON_BASE_URL, COCOON_API_KEY, COCOON_MODEL } = process.env
  if (COCOON_BASE_URL !== undefined && COCOON_API_KEY !== undefined) {
    return { baseURL: COCOON_BASE_URL, apiKey: COCOON_API_KEY, model: COCOON_MODEL ?? 'tiny-demo' }
  }
  try {
    const world = JSON.parse(readFileSync('.cocoon/dev.json', 'utf8'))
    return { baseURL: world.baseUrl, apiKey: world.apiKey, model: world.models[0] }
  } catch {
    console.error('Run npm start first, or set COCOON_BASE_URL and COCOON_API_KEY')
    process.exit(2)
  }
}
