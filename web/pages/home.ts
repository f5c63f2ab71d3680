import { html } from 'hono/html'
import { grouped } from '../format.ts'
import type { Html, Page, View } from '../page.ts'
import { amountOf } from '../parts/amount.ts'
import { badge } from '../parts/badge.ts'
import { codeBlock } from '../parts/code-block.ts'
import { technologyName } from '../parts/technology.ts'
import { type ModelView, readModels } from '../read.ts'
import { type Snippet, snippets } from './snippets.ts'

/** What it is, what is on sale now, and how to use it, filled with the visitor's own address. */
export async function homePage(view: View): Promise<Page> {
  const models = readModels(await view.read('/v1/models'))
  const model = models[0]?.id ?? 'a-model'
  return {
    title: 'Cocoon: private inference on confidential GPUs',
    description: 'An OpenAI-compatible gateway to confidential GPUs, paid in TON.',
    island: 'copy',
    main: html`${HERO}
<section aria-labelledby="models"><h2 id="models">Models, now</h2>${modelTable(models, view.site.ticker)}</section>
<section aria-labelledby="use"><h2 id="use">Use it from what you have</h2>
<p>Change the base URL, keep your client. Or let your own machine verify and seal, and trust nobody in between.</p>
${tabs(snippets({ origin: view.origin, model, simulated: view.site.simulation !== undefined }))}</section>
${LABELS}`,
  }
}

const HERO = html`<section class="hero">
<h1>Ask a model.<br><span>Only the enclave reads it.</span></h1>
<p class="lead">Your prompt is sealed to a key that exists only inside an attested machine. Whoever owns the machine
cannot open it. The API is OpenAI’s; you top up with a plain transfer; no email, no card.</p>
<p class="actions"><a class="button" href="/chat">Try the chat</a> <a class="button quiet" href="/dashboard">Create an account</a></p>
<ol class="steps">
<li><strong>Verify</strong> The processor and the GPU sign what runs inside, and for whom. The chain lists what may run.</li>
<li><strong>Seal</strong> The prompt is encrypted to that machine’s own key before it leaves.</li>
<li><strong>Settle</strong> A receipt signed inside says what you owe. You pay that, once.</li>
</ol>
</section>`

function modelTable(models: readonly ModelView[], ticker: string): Html {
  if (models.length === 0) return html`<p class="empty">No model is on sale at the moment.</p>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Models and prices"><table>
<thead><tr><th scope="col">Model</th><th scope="col">Confidentiality</th><th scope="col" class="number">Runners</th>
<th scope="col" class="number">Context</th><th scope="col" class="number">Input<small>per million tokens</small></th>
<th scope="col" class="number">Output<small>per million tokens</small></th></tr></thead>
<tbody>${models.map((model) => modelRow(model, ticker))}</tbody></table></div>`
}

function modelRow(model: ModelView, ticker: string): Html {
  const { id, name, demonstration, attestation, tee, runners, contextLength } = model
  return html`<tr><th scope="row"><code>${id}</code>${name === id ? '' : html`<small>${name}</small>`}${
    demonstration ? html`<small>demonstration model</small>` : ''
  }</th>
<td>${runners === 0 ? html`<span class="badge unknown">No runner now</span>` : attestation.map(badge)}<small>${tee.map(technologyName).join(', ')}</small></td>
<td class="number">${runners}</td>
<td class="number">${contextLength === undefined ? '–' : grouped(contextLength)}</td>
<td class="number">${amountOf(model.input, ticker)}</td><td class="number">${amountOf(model.output, ticker)}</td></tr>`
}

/** Tabs without script: one radio button each. */
function tabs(all: readonly Snippet[]): Html {
  return html`<fieldset class="tabs"><legend class="hidden">Client</legend>${all.map(
    (
      { id, name, code, note },
      i,
    ) => html`<input type="radio" name="client" id="client-${id}" ${i === 0 ? 'checked' : ''}><label for="client-${id}">${name}</label>
<div class="panel">${codeBlock(code, name)}<p class="note">${note}</p></div>`,
  )}</fieldset>`
}

const LABELS = html`<section aria-labelledby="who-reads"><h2 id="who-reads">Who can read your prompt</h2>
<p>Every answer says which of these it got, in the header <code>x-cocoon-confidentiality</code>.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Levels of confidentiality"><table>
<thead><tr><th scope="col">Label</th><th scope="col">Sealed by</th><th scope="col">Read by</th><th scope="col">How you get it</th></tr></thead>
<tbody>
<tr><th scope="row"><code>end-to-end</code></th><td>Your machine, after it verified the enclave</td><td>The enclave</td><td><code>cocoon connect</code>, our library, this site’s chat</td></tr>
<tr><th scope="row"><code>sealed</code></th><td>Another EHBP client</td><td>The enclave, if that client checked the key</td><td>An EHBP client</td></tr>
<tr><th scope="row"><code>gateway</code></th><td>This gateway, after it verified the enclave</td><td>The enclave, and this gateway’s memory</td><td>Any OpenAI client</td></tr>
</tbody></table></div>
<p class="note">Physical attacks on the memory of a machine are not stopped by this hardware. <a href="/trust">What is proven, and what is not</a>.</p></section>`
