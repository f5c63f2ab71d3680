import { CopyButton } from './copy-button.tsx'

/** A new API key, shown this once. */
export function KeyOnce({
  apiKey,
  onGoOn,
}: {
  readonly apiKey: string
  readonly onGoOn: () => void
}) {
  return (
    <div role="status">
      <h3>Your API key</h3>
      <p>It is shown this once. It can spend what the account holds; it cannot take it out.</p>
      <p class="secret-line">
        <code id="new-key">{apiKey}</code> <CopyButton text={apiKey} />
      </p>
      <button type="button" onClick={onGoOn}>
        I have it
      </button>
    </div>
  )
}
