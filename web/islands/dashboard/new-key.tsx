import { useState } from 'preact/hooks'
import { textMember } from '#base/members.ts'
import { parseTon } from '#base/nano.ts'
import { clock, site } from '../lib/browser.ts'
import { call, messageOf } from '../lib/gateway.ts'

const DAY_SECONDS = 86_400

/** Makes a further key, as narrow as its use. */
export function NewKey(props: { readonly apiKey: string; readonly onMade: (key: string) => void }) {
  const { apiKey, onMade } = props
  const [problem, setProblem] = useState('')
  return (
    <details>
      <summary>Make a key</summary>
      <form
        class="card inline-form"
        onSubmit={(event) => {
          event.preventDefault()
          make(apiKey, new FormData(event.currentTarget)).then(onMade, (error: unknown) =>
            setProblem(messageOf(error)),
          )
        }}
      >
        <label class="field">
          Name
          <input type="text" name="name" maxLength={100} required placeholder="What it is for" />
        </label>
        <label class="field">
          Ends after
          <select name="days">
            <option value="">Never</option>
            <option value="1">A day</option>
            <option value="30">30 days</option>
            <option value="365">A year</option>
          </select>
        </label>
        <label class="field">
          May spend in {site.ticker} a day
          <input type="text" inputMode="decimal" name="budget" placeholder="No limit" />
        </label>
        <label class="field">
          Requests a minute
          <input type="number" name="rate" min="1" placeholder="No limit" />
        </label>
        <label class="field">
          May do
          <select name="role">
            <option value="inference">Ask models</option>
            <option value="admin">Ask models, and manage keys</option>
          </select>
        </label>
        <label class="tick">
          <input type="checkbox" name="sealed" /> Sealed requests only: refuse what the gateway
          could read
        </label>
        <p class="problem" role="alert">
          {problem}
        </p>
        <button type="submit">Make the key</button>
      </form>
    </details>
  )
}

/** @returns the key's text */
async function make(apiKey: string, data: FormData): Promise<string> {
  const body = bodyOf(data)
  return textMember(await call('/v1/keys', { key: apiKey, method: 'POST', body }), 'key') ?? ''
}

/** @throws RangeError for a budget that is no amount */
function bodyOf(data: FormData): unknown {
  const days = Number(data.get('days') ?? 0)
  const budget = String(data.get('budget') ?? '').trim()
  const rate = Number(data.get('rate') ?? 0)
  return {
    name: String(data.get('name') ?? ''),
    role: data.get('role') === 'admin' ? 'admin' : 'inference',
    sealed_only: data.get('sealed') === 'on',
    ...(budget === '' ? {} : { budget: { day: parseTon(budget).toString() } }),
    ...(rate === 0 ? {} : { requests_per_minute: rate }),
    expires_at: days === 0 ? null : Math.floor(clock() / 1000) + days * DAY_SECONDS,
  }
}
