import { html } from 'hono/html'
import { formatTon, type Nano } from '#base/nano.ts'
import { shortTon } from '../format.ts'
import type { Html } from '../page.ts'

/** An amount with its coin; the exact one is in the title. */
export function amountOf(value: Nano, ticker: string): Html {
  return html`<span class="amount" title="${formatTon(value)} ${ticker}">${shortTon(value)}<small>${ticker}</small></span>`
}
