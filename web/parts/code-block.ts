import { html } from 'hono/html'
import type { Html } from '../page.ts'

/** Code to take away; the button works where the `copy` island runs. */
export function codeBlock(code: string, label: string): Html {
  return html`<div class="code"><pre tabindex="0" role="region" aria-label="${label}"><code>${code}</code></pre><button type="button" class="quiet copy" data-copy="${code}" hidden>Copy</button></div>`
}
