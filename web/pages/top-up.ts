import { html } from 'hono/html'
import { textMember } from '#base/members.ts'
import { bridgesOf } from '../bridges.ts'
import type { Page, View } from '../page.ts'

/** How to pay in; the address is that of this gateway's Till, the memo is the account's own id. */
export async function topUpPage(view: View): Promise<Page> {
  const till = textMember(await view.read('/v1/till'), 'address') ?? ''
  return {
    title: 'Top up · Cocoon',
    description: 'Top up an account by a plain TON transfer.',
    island: 'top-up',
    connect: bridgesOf(view.site),
    main: html`<h1>Top up</h1>
<div id="top-up" class="tall" data-till="${till}"><noscript><p class="notice warn">Send a plain transfer to
<code>${till}</code> with your account id as its comment, and nothing else in it.</p></noscript></div>
${HELP}`,
  }
}

const HELP = html`<section class="narrow" aria-labelledby="help"><h2 id="help">If something is different</h2>
<details><summary>I pay from an exchange</summary><p>Choose TON as the network, put the address where it asks for one, and your
memo where it asks for a <em>comment</em>, <em>memo</em> or <em>tag</em>. Exchanges send from a wallet of their own: without the
memo nobody can tell that the money is yours. Send a small amount first.</p></details>
<details><summary>I forgot the memo, or it was wrong</summary><p>Every memo ends with a check, so a damaged one credits nobody
else. Such a transfer goes back to the wallet it came from, less the network’s fee. Where it cannot, the Till keeps it aside
and the operator can send it back: tell them the transaction. From an exchange it came from <em>their</em> wallet, so ask
them.</p></details>
<details><summary>How long does it take?</summary><p>A transfer is credited once it stands in a final block, usually within ten
seconds. You may close this page: the money is credited anyway.</p></details>
<details><summary>Who holds the money?</summary><p>A contract on chain, the Till. You can take what is left back without this
gateway, after a delay. A <strong>sovereign</strong> account is charged by your own signed cheques alone; for a
<strong>managed</strong> account the gateway’s meter key may charge, up to a daily cap.</p></details></section>`
