import { useState } from 'preact/hooks'

export function CopyButton({
  text,
  name = 'Copy',
}: {
  readonly text: string
  readonly name?: string
}) {
  const [said, setSaid] = useState(name)
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setSaid('Copied'),
      () => setSaid('Not copied'),
    )
  }
  return (
    <button type="button" class="quiet small" onClick={copy} aria-live="polite">
      {said}
    </button>
  )
}
