import { html } from 'hono/html'
import type { Page, View } from '../page.ts'
import { readModels } from '../read.ts'

/** The playground: everything happens in the browser, this is only where it stands. */
export async function chatPage(view: View): Promise<Page> {
  const models = readModels(await view.read('/v1/models')).filter(({ runners }) => runners > 0)
  return {
    title: 'Chat · Cocoon',
    description: 'Chat with a model that only an attested enclave reads.',
    island: 'chat',
    main: html`<h1 class="hidden">Chat</h1>
<div id="chat" class="chat" data-models="${JSON.stringify(models.map(({ id }) => id))}">
<div class="chat-bar"><span class="badge unknown">Checking the machines…</span></div>
<div class="chat-log"></div>
<noscript><p class="notice warn">The chat verifies and seals in your browser, so it needs JavaScript.
Without it, use <code>cocoon connect</code> from the <a href="/">front page</a>.</p></noscript>
<div class="composer"></div>
</div>`,
  }
}
