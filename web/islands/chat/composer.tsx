import { useRef } from 'preact/hooks'

/** Where one writes. Enter sends, Shift and Enter begins a line. */
export function Composer(props: {
  readonly ready: boolean
  readonly busy: boolean
  readonly onAsk: (question: string) => void
  readonly onStop: () => void
}) {
  const { ready, busy, onAsk, onStop } = props
  const area = useRef<HTMLTextAreaElement>(null)
  const send = (): void => {
    const question = area.current?.value.trim() ?? ''
    if (question === '' || !ready || busy || area.current === null) return
    area.current.value = ''
    onAsk(question)
  }
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <label class="hidden" for="question">
        Message
      </label>
      <textarea
        id="question"
        ref={area}
        rows={2}
        placeholder="Write a message"
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
          event.preventDefault()
          send()
        }}
      />
      {busy ? (
        <button type="button" class="quiet" onClick={onStop}>
          Stop
        </button>
      ) : (
        <button type="submit" disabled={!ready}>
          Send
        </button>
      )}
    </form>
  )
}
