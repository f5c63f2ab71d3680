import { html } from 'hono/html'
import { bridgesOf } from '../bridges.ts'
import type { Page, View } from '../page.ts'

/** The account of whoever is signed in: drawn in the browser, since only that holds the key. */
export async function dashboardPage({ site }: View): Promise<Page> {
  return {
    title: 'Account · Cocoon',
    description: 'Balance, usage and keys of an account without email.',
    island: 'dashboard',
    connect: bridgesOf(site),
    main: html`<div id="dashboard" class="tall"><h1>Account</h1>
<noscript><p class="notice warn">An account’s keys are made in your browser, so this page needs JavaScript. Without it,
<code>npx -p cocoon-gateway cocoon keys</code> makes them on your machine.</p></noscript></div>`,
  }
}
