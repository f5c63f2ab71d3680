import { html } from 'hono/html'
import { listMember, member, numberMember, textMember } from '#base/members.ts'
import { parseAddress } from '#contracts/pure'
import { counted, grouped, percent, shortId, utcTime } from '../format.ts'
import type { Html, Page, View } from '../page.ts'
import { amountOf } from '../parts/amount.ts'
import { badge } from '../parts/badge.ts'
import { codeBlock } from '../parts/code-block.ts'
import { addressLink } from '../parts/registry-section.ts'
import { technologyName } from '../parts/technology.ts'
import { amount, type RunnerView, readRunners, readTrackRecord, type TrackRecord } from '../read.ts'
import { hostCommands } from './host-commands.ts'

/** The fleet as everybody sees it, one host's earnings, and how to become one. Works without script. */
export async function hostsPage(view: View): Promise<Page> {
  const runners = readRunners(await view.read('/v1/runners'))
  const asked = view.url.searchParams.get('address')
  return {
    title: 'Hosts · Cocoon',
    description: 'The fleet of attested machines, what hosts earn, and how to join.',
    island: 'copy',
    main: html`<h1>Hosts</h1>
<p class="lead">Whoever has a confidential machine with a GPU can serve a model and be paid in ${view.site.ticker}, without a public
address, a contract or a ticket.</p>
<section aria-labelledby="fleet"><h2 id="fleet">The fleet, now</h2>${fleet(runners, view.site.ticker)}</section>
<section aria-labelledby="host"><h2 id="host">What a host earns</h2>
<form action="/hosts#host" method="get" class="lookup"><label class="field">Wallet address
<input type="text" name="address" required autocomplete="off" spellcheck="false" value="${asked ?? ''}" placeholder="UQ… or 0:…"></label>
<button type="submit">Show</button></form>
${asked === null ? '' : await hostSection(view, asked, runners)}</section>
${join(view)}`,
  }
}

function fleet(runners: readonly RunnerView[], ticker: string): Html {
  if (runners.length === 0) return html`<p class="empty">No machine is attested at the moment.</p>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Machines of the fleet"><table>
<thead><tr><th scope="col">Machine</th><th scope="col">Evidence</th><th scope="col">Model</th><th scope="col" class="number">At once</th>
<th scope="col" class="number">Uptime<small>24 hours</small></th><th scope="col" class="number">Success<small>7 days</small></th>
<th scope="col" class="number">Tokens/s<small>first byte</small></th>
<th scope="col" class="number">Output<small>per million</small></th><th scope="col">Lease</th></tr></thead>
<tbody>${runners.map((runner) => fleetRow(runner, ticker))}</tbody></table></div>
<p class="note">All of it is what this gateway saw itself. Uptime is the share of the time in which it looked, every ten seconds, and the
machine could have served; speeds are running averages. A lease lasts a
day at most.</p>`
}

function fleetRow(runner: RunnerView, ticker: string): Html {
  const { performance, record } = runner
  return html`<tr><th scope="row"><code title="${runner.id}">${shortId(runner.id)}</code><small>host <a href="/hosts?address=${runner.payee}#host">${shortId(runner.payee, 8, 4)}</a></small></th>
<td>${badge(runner.status)}<small>${technologyName(runner.technology)}</small></td><td><code>${runner.model}</code></td>
<td class="number">${grouped(performance.inFlight)} of ${grouped(runner.capacity)}</td>
<td class="number" title="7 days: ${percent(record.weekUp)}">${percent(record.dayUp)}</td>
<td class="number">${percent(successOf(record))}</td>
<td class="number">${measured(performance.tokensPerSecond, '')}<small>${measured(performance.firstByteMs, 'ms')}</small></td>
<td class="number">${amountOf(runner.output, ticker)}</td>
<td class="when">${performance.rests && runner.state === 'admitted' ? 'Rests after failures' : (STATES.get(runner.state) ?? runner.state)}<small title="${utcTime(runner.expires)}">until ${utcTime(runner.expires).slice(11)}</small></td></tr>`
}

const STATES: ReadonlyMap<string, string> = new Map([
  ['admitted', 'Serves'],
  ['drained', 'Drains'],
  ['denied', 'Denied'],
])

function measured(value: number | undefined, unit: string): string {
  return value === undefined ? '–' : `${grouped(Math.round(value))} ${unit}`.trim()
}

/** Of the requests that came to an end at the machine. */
function successOf({ answered, rejected }: TrackRecord): number | undefined {
  if (answered === undefined) return undefined
  const all = rejected.reduce((sum, [, count]) => sum + count, answered)
  return all === 0 ? undefined : answered / all
}

async function hostSection(
  { read, site }: View,
  asked: string,
  runners: readonly RunnerView[],
): Promise<Html> {
  const address = rawAddress(asked)
  const host = address === undefined ? undefined : await read(`/v1/hosts/${address}`)
  if (address === undefined || host === undefined) {
    return html`<p class="notice bad" role="alert">That is not a TON address: a character of it is wrong.</p>`
  }
  const own = runners.filter(({ payee }) => payee === address)
  const voucher = member(host, 'voucher')
  return html`<p class="note">${addressLink(address, site.explorer)}, ${counted(own.length, 'machine')} now.</p>
<div class="cards">${FIGURES.map(
    ([name, label]) =>
      html`<div class="card"><small>${label}</small><span class="figure">${amountOf(amount(host, name), site.ticker)}</span></div>`,
  )}</div>
${hostRunners(listMember(host, 'runners'), new Set(own.map(({ id }) => id)))}
${
  voucher === null || voucher === undefined
    ? html`<p class="note">No voucher yet: one is signed as soon as there is something collected to pay.</p>`
    : html`<h3>Latest voucher</h3><p>Good for ${amountOf(amount(voucher, 'cumulative'), site.ticker)} in all. The gateway pays it in by
itself; anybody may, also when the gateway is gone.</p>${codeBlock(JSON.stringify(voucher, null, 2), 'Voucher')}`
}`
}

/** What a host wants to know of its machines, those that left included. */
function hostRunners(told: readonly unknown[], leased: ReadonlySet<string>): Html {
  if (told.length === 0) return html`<p class="note">No machine of this wallet was seen yet.</p>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Machines of this host"><table>
<thead><tr><th scope="col">Machine</th><th scope="col">Model</th><th scope="col" class="number">Uptime<small>24 hours</small></th>
<th scope="col" class="number">Uptime<small>7 days</small></th><th scope="col" class="number">Answered<small>7 days</small></th>
<th scope="col">Came to nothing<small>7 days</small></th><th scope="col">Last heard of</th></tr></thead>
<tbody>${told.map((runner) => {
    const id = textMember(runner, 'id') ?? ''
    const record = readTrackRecord(member(runner, 'track_record'))
    return html`<tr><th scope="row"><code title="${id}">${shortId(id)}</code>${leased.has(id) ? '' : html`<small>has no lease now</small>`}</th>
<td><code>${textMember(runner, 'model') ?? ''}</code></td><td class="number">${percent(record.dayUp)}</td>
<td class="number">${percent(record.weekUp)}</td><td class="number">${record.answered === undefined ? '–' : grouped(record.answered)}</td>
<td>${rejections(record)}</td><td class="when">${utcTime(numberMember(runner, 'seen_at') ?? 0)}</td></tr>`
  })}</tbody></table></div>`
}

/** @see gateway/runners/tally.ts */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['unreachable', 'not reached'],
  ['cut', 'connection cut'],
  ['timeout', 'too slow'],
  ['endless', 'no end'],
  ['not_authentic', 'answer not authentic'],
  ['engine_error', 'engine failed'],
  ['request_refused', 'request refused'],
  ['receipt_refused', 'receipt not true'],
])

function rejections({ answered, rejected }: TrackRecord): string {
  if (answered === undefined) return '–'
  if (rejected.length === 0) return 'none'
  return rejected
    .map(([reason, count]) => `${grouped(count)} ${REASONS.get(reason) ?? reason}`)
    .join(', ')
}

const FIGURES = [
  ['earned', 'Earned'],
  ['collected', 'Collected on chain'],
  ['vouchered', 'Vouchered'],
  ['redeemed', 'Paid out'],
] as const

/** Raw or friendly, as wallets show it. */
function rawAddress(text: string): string | undefined {
  try {
    const { raw } = parseAddress(text)
    return raw.startsWith('0:') ? raw : undefined
  } catch {
    return undefined
  }
}

function join({ origin }: View): Html {
  return html`<section aria-labelledby="join"><h2 id="join">Become a host</h2>
<ol class="steps">
<li><strong>Examine</strong> <code>cocoon doctor</code> says whether the machine can attest, and what to do where it cannot.</li>
<li><strong>List</strong> Image and model stand in the Registry, or are proposed to its owner. Additions wait in public.</li>
<li><strong>Serve</strong> Start the runner with a wallet address. It attests, leases, serves, and is paid by vouchers.</li>
</ol>
${codeBlock(hostCommands(origin), 'Commands of a host')}
<p class="note">The engine, vLLM or llama.cpp, stands in the image’s own file or behind <code>--engine-url</code>. You see no prompt: nor does
anybody else.</p></section>`
}
