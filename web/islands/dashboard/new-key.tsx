import { useState } from 'preact/hooks'
import { textMember } from '#base/members.ts'
import { clock } from '../lib/browser.ts'
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
          const body = bodyOf(new FormData(event.currentTarget))
          call('/v1/keys', { key: apiKey, method: 'POST', body }).then(
            (json) => onMade(textMember(json, 'key') ?? ''),
            (error: unknown) => setProblem(messageOf(error)),
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

function bodyOf(data: FormData): unknown {
  const days = Number(data.get('days') ?? 0)
  return {
    name: String(data.get('name') ?? ''),
    sealed_only: data.get('sealed') === 'on',
    expires_at: days === 0 ? null : Math.floor(clock() / 1000) + days * DAY_SECONDS,
  }
}
