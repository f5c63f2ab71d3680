import { html } from 'hono/html'
import { member, numberMember, textMember } from '#base/members.ts'
import { counted, shortId, utcTime } from '../format.ts'
import type { Html } from '../page.ts'
import { amount } from '../read.ts'
import type { Site } from '../site.ts'
import { amountOf } from './amount.ts'
import { addressLink } from './registry-section.ts'

/** Where the money is, what the contract holds, and what the gateway says that it owes. */
export function tillSection(till: unknown, site: Site): Html {
  const address = textMember(till, 'address')
  if (address === undefined) return html``
  return html`<section aria-labelledby="till"><h2 id="till">Till: where the money is</h2>
<p>A contract on chain holds every account; nobody can move what is not signed for. Commission
${(numberMember(till, 'commission_bps') ?? 0) / 100} %. ${addressLink(address, site.explorer)}</p>
<div class="columns">${onChain(member(till, 'chain'), site)}${reserves(member(till, 'reserves'), site)}</div></section>`
}

const TOTALS = [
  ['owed', 'Belongs to accounts'],
  ['pool', 'Belongs to hosts'],
  ['held', 'Held before payout'],
  ['fees', 'Operator’s fees'],
  ['orphans', 'Without a valid memo'],
] as const

function onChain(chain: unknown, { ticker }: Site): Html {
  if (chain === null || chain === undefined) {
    return html`<p class="empty">The chain cannot be read at the moment.</p>`
  }
  const frozen = numberMember(chain, 'frozen_until') ?? 0
  return html`<div><h3>On chain, block ${numberMember(chain, 'seqno')}</h3>
<dl class="facts">${TOTALS.map(
    ([name, label]) => html`<dt>${label}</dt><dd>${amountOf(amount(chain, name), ticker)}</dd>`,
  )}<dt>Accounts</dt><dd>${numberMember(chain, 'accounts')}</dd></dl>
${frozen === 0 ? '' : html`<p class="notice warn">Charges are frozen until ${utcTime(frozen)}; exits go on.</p>`}</div>`
}

function reserves(told: unknown, { ticker }: Site): Html {
  if (told === null || told === undefined) return html``
  const liabilities = member(told, 'liabilities')
  const covered = member(told, 'covered')
  return html`<div><h3>Proof of reserves, ${utcTime(numberMember(told, 'at') ?? 0)}</h3>
<dl class="facts"><dt>Owed to ${counted(numberMember(told, 'accounts') ?? 0, 'account')}</dt><dd>${amountOf(amount(liabilities, 'accounts'), ticker)}</dd>
<dt>Owed to hosts</dt><dd>${amountOf(amount(liabilities, 'hosts'), ticker)}</dd>
<dt>Covered by the Till</dt><dd>${covered === true ? 'yes' : covered === false ? html`<strong>not at this moment</strong>` : 'not known'}</dd>
<dt>Root</dt><dd><code title="${textMember(told, 'root') ?? ''}">${shortId(textMember(told, 'root') ?? '', 16, 8)}</code></dd></dl>
<p class="note">Your account page checks that your balance is part of this root.</p></div>`
}
