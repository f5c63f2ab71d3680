import { useState } from 'preact/hooks'
import { download } from '../lib/download.ts'

/** The recovery file, once: it is not kept anywhere else. */
export function RecoveryFile(props: {
  readonly account: string
  readonly text: string
  readonly onSaved: () => void
}) {
  const { account, text, onSaved } = props
  const [isTaken, setTaken] = useState(false)
  const [isSure, setSure] = useState(false)
  return (
    <div>
      <h3>Keep your recovery file</h3>
      <p>
        It is the only thing that can take the money out, and it is shown this once. Nobody can give
        it to you again: not this site, not the gateway. Keep it where you keep what must not be
        lost.
      </p>
      <details>
        <summary>Show it</summary>
        <pre tabIndex={0} class="secret">
          <code>{text}</code>
        </pre>
      </details>
      <p class="actions">
        <button
          type="button"
          class={isTaken ? 'quiet' : ''}
          onClick={() => {
            download(`cocoon-${account.slice(0, 8)}.recovery.json`, text, 'application/json')
            setTaken(true)
          }}
        >
          {isTaken ? 'Download again' : 'Download it'}
        </button>
      </p>
      <label class="tick">
        <input
          type="checkbox"
          checked={isSure}
          disabled={!isTaken}
          onChange={({ currentTarget }) => setSure(currentTarget.checked)}
        />{' '}
        I have kept it
      </label>
      <p class="actions">
        <button type="button" disabled={!isTaken || !isSure} onClick={onSaved}>
          Open the account
        </button>
      </p>
    </div>
  )
}
