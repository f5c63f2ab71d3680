import { html } from 'hono/html'
import type { Page } from '../page.ts'

export function lostPage(): Page {
  return {
    title: 'Not found · Cocoon',
    description: 'There is no page at this address.',
    status: 404,
    main: html`<section class="narrow"><h1>Nothing here</h1>
      <p class="lead">There is no page at this address. The <a href="/">front page</a> leads to all of them.</p></section>`,
  }
}
