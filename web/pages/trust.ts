import { html } from 'hono/html'
import { shortId, utcTime } from '../format.ts'
import type { Html, Page, View } from '../page.ts'
import { badge } from '../parts/badge.ts'
import { registrySection } from '../parts/registry-section.ts'
import { technologyName } from '../parts/technology.ts'
import { tillSection } from '../parts/till-section.ts'
import { type RunnerView, readRunners } from '../read.ts'

/** What is proven, by whom, and how to check it without believing anybody. */
export async function trustPage(view: View): Promise<Page> {
  const [runners, registry, till] = await Promise.all([
    view.read('/v1/runners'),
    view.read('/v1/registry'),
    view.read('/v1/till'),
  ])
  return {
    title: 'Trust · Cocoon',
    description: 'Attested machines, the allowlist on chain, the Till, and how to check all of it.',
    island: 'trust',
    main: html`<h1>What is proven</h1>
<p class="lead">Hardware signs what runs and which key it holds. The chain lists what may run. Receipts signed inside say what
you owe. Each of these can be checked here, by your own browser, or by <code>cocoon verify</code>.</p>
<section aria-labelledby="machines"><h2 id="machines">Machines, as this gateway verified them</h2>
${machines(readRunners(runners))}</section>
<section aria-labelledby="verify"><h2 id="verify">Verify it yourself</h2>
<p>Your browser asks every machine for fresh evidence over a number of its own, and judges it with the vendors’ roots.
The gateway’s opinion is not asked.</p>
<div id="trust" class="island"><noscript><p class="notice">This needs JavaScript. The same on your machine:
<code>npx -p cocoon-gateway cocoon verify ${view.origin}</code></p></noscript></div></section>
${registrySection(registry, view.site)}
${tillSection(till, view.site)}
<section aria-labelledby="receipt"><h2 id="receipt">Check a receipt</h2>
<p>Give a receipt’s document, or the id of one of your own. Whose key signed it, and whether its numbers agree, is found
out here.</p><div id="receipt-check" class="island"></div></section>
${LIMITS}`,
  }
}

function machines(runners: readonly RunnerView[]): Html {
  if (runners.length === 0) return html`<p class="empty">No machine is attested at the moment.</p>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Attested machines"><table>
<thead><tr><th scope="col">Machine</th><th scope="col">Evidence</th><th scope="col">Processor</th><th scope="col">GPU</th>
<th scope="col">Model</th><th scope="col">Session</th></tr></thead>
<tbody>${runners.map(
    (
      runner,
    ) => html`<tr><th scope="row"><code title="${runner.id}">${shortId(runner.id)}</code></th>
<td>${badge(runner.status)}</td><td>${technologyName(runner.technology)}<small>${runner.tcb}</small></td>
<td>${runner.gpus.join(', ') || 'none'}</td><td><code>${runner.model}</code></td>
<td><a href="/trust/sessions/${runner.session}"><code>${shortId(runner.session)}</code></a><small>until ${utcTime(runner.expires)}</small></td></tr>`,
  )}</tbody></table></div>`
}

const LIMITS = html`<section class="narrow" aria-labelledby="limits"><h2 id="limits">What is not proven</h2>
<ul class="plain">
<li><strong>This page.</strong> It is served by the gateway that it checks. Compare its fingerprint below, or use
<code>cocoon connect</code> and <code>cocoon verify</code>, which come from the package.</li>
<li><strong>Physical attacks.</strong> Interposers on the memory bus yield genuine evidence from a broken machine.</li>
<li><strong>What a listed image does with a prompt.</strong> The Registry’s owner vouches for it, after a public delay.</li>
<li><strong>Who asks, when and how much.</strong> The gateway sees keys, sizes and times; the chain sees coarse sums.</li>
</ul></section>`
