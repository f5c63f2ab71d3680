import { formatTon, type Nano } from '#base/nano.ts'
import { shortTon } from '../../format.ts'
import { site } from '../lib/browser.ts'

/** An amount with its coin; the exact one is in the title. */
export function Amount({ value }: { readonly value: Nano }) {
  return (
    <span class="amount" title={`${formatTon(value)} ${site.ticker}`}>
      {shortTon(value)}
      <small>{site.ticker}</small>
    </span>
  )
}
