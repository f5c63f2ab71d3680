import { html } from 'hono/html'
import type { Html } from '../page.ts'

const WORDS: Readonly<Record<string, string>> = {
  verified: 'Verified',
  simulated: 'Simulated',
  refused: 'Refused',
}

/** How far the gateway itself verified something. Simulated hardware is never shown as verified. */
export function badge(status: string): Html {
  const known = Object.hasOwn(WORDS, status) ? status : 'unknown'
  return html`<span class="badge ${known}">${WORDS[known] ?? 'Not verified'}</span>`
}
