import { html } from 'hono/html'
import { listMember, member, numberMember, textMember } from '#base/members.ts'
import { shortId, utcTime } from '../format.ts'
import type { Html, Page, View } from '../page.ts'
import { badge } from '../parts/badge.ts'
import { technologyName } from '../parts/technology.ts'

/** One attested session: what the gateway recorded when it verified a machine, and a place to check it. */
export async function sessionPage(view: View): Promise<Page | undefined> {
  const id = view.part
  const document = await view.read(`/v1/aci/sessions/${id}`)
  if (document === undefined) return undefined
  const attested = member(document, 'attested')
  const verdict = member(document, 'verdict')
  return {
    title: `Session ${shortId(id)} · Cocoon`,
    description: 'The record of an attested machine, and its check.',
    island: 'session',
    main: html`<p class="note"><a href="/trust">Trust</a></p><h1>Attested session</h1>
<p class="note"><code>${id}</code></p>
<section aria-labelledby="check"><h2 id="check">Checked by your browser</h2>
<div id="session" class="island" data-id="${id}"><noscript><p class="notice">This needs JavaScript. The same on your machine:
<code>npx -p cocoon-gateway cocoon verify ${view.origin}/v1/aci/sessions/${id}</code></p></noscript></div></section>
<section aria-labelledby="record"><h2 id="record">What the gateway recorded ${badge(textMember(verdict, 'status') ?? '')}</h2>
<dl class="facts">
<dt>Machine</dt><dd><code>${textMember(document, 'upstream_name') ?? ''}</code></dd>
<dt>Processor</dt><dd>${technologyName(textMember(attested, 'technology') ?? '')}, ${textMember(attested, 'tcb') ?? ''}</dd>
<dt>Image</dt><dd><code>${textMember(attested, 'imageHash') ?? ''}</code></dd>
<dt>GPU</dt><dd>${
      listMember(attested, 'gpus')
        .map((gpu) => `${textMember(gpu, 'model')}, driver ${textMember(gpu, 'driver')}`)
        .join('; ') || 'none'
    }</dd>
<dt>Keyset</dt><dd><code>${textMember(document, 'workload_keyset_digest') ?? ''}</code></dd>
<dt>Established</dt><dd>${utcTime(numberMember(document, 'established_at') ?? 0)}</dd>
<dt>Keys end</dt><dd>${utcTime(numberMember(document, 'expires_at') ?? 0)}</dd>
</dl>
<p class="actions"><a class="button quiet small" href="/v1/aci/sessions/${id}" download="session-${id.slice(0, 8)}.json">Download the document</a>
<a class="button quiet small" href="/v1/aci/sessions/${id}/collateral" download="collateral-${id.slice(0, 8)}.json">Download the vendors’ lists</a></p>
</section>
${claimsTable(member(document, 'claims'))}`,
  }
}

const CLAIMS: ReadonlyMap<string, string> = new Map([
  ['tee_attested', 'The processor is genuine and runs a confidential machine'],
  ['gpu_attested', 'The GPU is genuine and in confidential mode'],
  ['tcb_up_to_date', 'Firmware is up to date'],
  ['os_known_good', 'The operating system is one that the Registry lists'],
  ['serving_software_known_good', 'The serving software is one that the Registry lists'],
  ['model_weights_provenance', 'The weights are those that the Registry lists'],
])

/** Each claim with its source: what hardware proves is not what an operator asserts. */
function claimsTable(claims: unknown): Html {
  const rows = [...CLAIMS].map(([name, meaning]) => {
    const claim = member(claims, name)
    return html`<tr><th scope="row">${meaning}<small><code>${name}</code></small></th>
<td>${textMember(claim, 'status') ?? 'unknown'}</td><td>${(textMember(claim, 'source') ?? '–').replaceAll('_', ' ')}</td></tr>`
  })
  const extra = member(claims, 'extra')
  return html`<section aria-labelledby="claims"><h2 id="claims">Claims and where they come from</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Claims"><table>
<thead><tr><th scope="col">Claim</th><th scope="col">Status</th><th scope="col">Source</th></tr></thead>
<tbody>${rows}
<tr><th scope="row">How firmly the GPU is tied to the processor<small><code>gpu_binding</code></small></th><td>${textMember(extra, 'gpu_binding') ?? 'unknown'}</td><td>verifier derived</td></tr>
<tr><th scope="row">Who has the machine in hand<small><code>physical_custody</code></small></th><td>${textMember(extra, 'physical_custody') ?? 'unknown'}</td><td>Registry</td></tr>
</tbody></table></div></section>`
}
