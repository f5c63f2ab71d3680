import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { isKey, signIn } from '../lib/sign-in.ts'

/** Signs in with an API key. @param children what else a visitor without one may do */
export function KeyForm({
  onSignedIn,
  children,
}: {
  readonly onSignedIn: (key: string) => void
  readonly children?: ComponentChildren
}) {
  const [problem, setProblem] = useState('')
  return (
    <form
      class="card key-form"
      onSubmit={(event) => {
        event.preventDefault()
        const data = new FormData(event.currentTarget)
        const key = String(data.get('key') ?? '').trim()
        if (!isKey(key)) {
          setProblem(
            'That is not a key of this kind. It begins with sk-coc- and is shown once, when it is made.',
          )
          return
        }
        signIn(key, { remember: data.get('remember') === 'on' })
        onSignedIn(key)
      }}
    >
      <label class="field">
        API key
        <input
          type="password"
          name="key"
          autocomplete="off"
          spellcheck={false}
          required
          aria-describedby="key-problem"
          aria-invalid={problem !== ''}
          placeholder="sk-coc-…"
        />
      </label>
      <p id="key-problem" class="problem" role="alert">
        {problem}
      </p>
      <div class="actions">
        <button type="submit">Sign in</button>
        <label class="tick">
          <input type="checkbox" name="remember" /> Stay signed in on this device
        </label>
        {children}
      </div>
    </form>
  )
}
