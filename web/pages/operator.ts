import { html } from 'hono/html'
import type { Page } from '../page.ts'

/** The operator's own: drawn in the browser, which alone holds the admin key. */
export async function operatorPage(): Promise<Page> {
  return {
    title: 'Operator · Cocoon',
    description: 'Prices, models and machines of this gateway.',
    island: 'operator',
    main: html`<div id="operator" class="tall"><h1>Operator</h1>
<noscript><p class="notice warn">This page needs JavaScript. The same by <code>curl</code>: see <a href="/openapi.yaml">the API</a>.</p></noscript></div>`,
  }
}
