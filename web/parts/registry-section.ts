import { html } from 'hono/html'
import { listMember, member, numberMember, textMember } from '#base/members.ts'
import { shortId, utcTime } from '../format.ts'
import type { Html } from '../page.ts'
import type { Site } from '../site.ts'

const KINDS = [
  ['image', 'Image'],
  ['model', 'Model and weights'],
  ['meterKey', 'Meter key'],
  ['till', 'Till'],
  ['platform', 'Machine in known custody'],
] as const

interface Entry {
  readonly kind: string
  readonly hash: string
  readonly activeFrom: number
  readonly revokedAt: number
}

/** The allowlist as the gateway read it, with what waits and what was taken back. */
export function registrySection(registry: unknown, { explorer }: Site): Html {
  const address = textMember(registry, 'address')
  if (address === undefined) {
    return html`<section aria-labelledby="registry"><h2 id="registry">Registry</h2>
<p class="empty">The Registry cannot be read at the moment, so nothing new is accepted.</p></section>`
  }
  const readAt = numberMember(registry, 'read_at') ?? 0
  const entries = entriesOf(registry)
  return html`<section aria-labelledby="registry"><h2 id="registry">Registry: what may run</h2>
<p>A contract on chain. Additions wait in sight of everybody, revocations hold at once. Version
${numberMember(registry, 'version')}, as this gateway read it at ${utcTime(readAt)}; your browser reads it by itself when you
verify. ${addressLink(address, explorer)}</p>
<div class="scroll" tabindex="0" role="region" aria-label="Entries of the Registry"><table>
<thead><tr><th scope="col">Kind</th><th scope="col">Hash</th><th scope="col">State</th></tr></thead>
<tbody>${entries.map(
    (
      entry,
    ) => html`<tr><th scope="row">${entry.kind}</th><td><code title="${entry.hash}">${shortId(entry.hash, 16, 8)}</code></td>
<td>${stateOf(entry, readAt)}</td></tr>`,
  )}</tbody></table></div></section>`
}

export function addressLink(address: string, explorer: string | undefined): Html {
  const shown = html`<code title="${address}">${shortId(address, 12, 6)}</code>`
  return explorer === undefined
    ? shown
    : html`<a href="${explorer}${address}" rel="noreferrer">${shown}</a>`
}

/** What waits first, then what holds, then what was taken back. */
function entriesOf(registry: unknown): readonly Entry[] {
  const entries = KINDS.flatMap(([kind, name]) =>
    listMember(member(registry, 'entries'), kind).map((entry) => ({
      kind: name,
      hash: textMember(entry, 'hash') ?? '',
      activeFrom: numberMember(entry, 'active_from') ?? 0,
      revokedAt: numberMember(entry, 'revoked_at') ?? 0,
    })),
  )
  return entries.toSorted((a, b) => Number(a.revokedAt > 0) - Number(b.revokedAt > 0))
}

function stateOf({ activeFrom, revokedAt }: Entry, now: number): Html {
  if (revokedAt > 0)
    return html`<span class="badge refused">Revoked</span><small>${utcTime(revokedAt)}</small>`
  if (activeFrom > now)
    return html`<span class="badge simulated">Pending</span><small>active from ${utcTime(activeFrom)}</small>`
  return html`<span class="badge verified">Active</span><small>since ${utcTime(activeFrom)}</small>`
}
