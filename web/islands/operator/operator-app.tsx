import { useState } from 'preact/hooks'
import { call, messageOf, Refused } from '../lib/gateway.ts'
import { Books } from './books.tsx'
import { Cashier } from './cashier.tsx'
import { Health } from './health.tsx'
import { Machines } from './machines.tsx'
import { Models } from './models.tsx'
import { TillEvents } from './till-events.tsx'

const UNAUTHORIZED = 401

/** The admin key lives in this page's memory alone: a reload forgets it. */
export function OperatorApp() {
  const [key, setKey] = useState<string>()
  const [problem, setProblem] = useState('')
  if (key !== undefined) return <Desk adminKey={key} onLeave={() => setKey(undefined)} />
  const enter = (asked: string): void => {
    call('/admin/cashier', { key: asked }).then(
      () => setKey(asked),
      (error: unknown) =>
        setProblem(
          error instanceof Refused && error.status === UNAUTHORIZED
            ? 'That is not the admin key of this gateway.'
            : messageOf(error),
        ),
    )
  }
  return (
    <div class="narrow">
      <h1>Operator</h1>
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          setProblem('')
          enter(String(new FormData(event.currentTarget).get('key') ?? '').trim())
        }}
      >
        <label class="field">
          Admin key
          <input type="password" name="key" required autocomplete="off" spellcheck={false} />
        </label>
        <p class="problem" role="alert">
          {problem}
        </p>
        <button type="submit">Enter</button>
        <p class="note">
          It stays in this tab’s memory and is asked for again after a reload. The gateway reads it
          from <code>ADMIN_KEY</code>.
        </p>
      </form>
    </div>
  )
}

function Desk({ adminKey, onLeave }: { readonly adminKey: string; readonly onLeave: () => void }) {
  return (
    <>
      <header class="title">
        <h1>Operator</h1>
        <button type="button" class="quiet small" onClick={onLeave}>
          Leave
        </button>
      </header>
      <Books adminKey={adminKey} />
      <Health adminKey={adminKey} />
      <Cashier adminKey={adminKey} />
      <TillEvents adminKey={adminKey} />
      <Machines adminKey={adminKey} />
      <Models adminKey={adminKey} />
    </>
  )
}
