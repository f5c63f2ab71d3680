import { useRef, useState } from 'preact/hooks'
import { signedInKey } from '../lib/sign-in.ts'
import { KeyForm } from '../parts/key-form.tsx'
import { VerificationDialog } from '../parts/verification-dialog.tsx'
import { Composer } from './composer.tsx'
import { askSealed, messagesOf, type Turn } from './turn.ts'
import { TurnView } from './turn-view.tsx'
import { useVerification, type Way } from './use-verification.ts'

/** A playground that attests, verifies and seals here. Without a verified way it sends nothing. */
export function ChatApp({ models }: { readonly models: readonly string[] }) {
  const { way, retry } = useVerification()
  const [key, setKey] = useState(signedInKey)
  const [model, setModel] = useState(models[0] ?? '')
  const [isShown, setShown] = useState(false)
  const { turns, busy, ask, stop, clear } = useTurns({ way, key, model })
  return (
    <>
      <div class="chat-bar">
        <WayBadge way={way} onOpen={() => setShown(true)} onRetry={retry} />
        <label class="hidden" for="model">
          Model
        </label>
        <select
          id="model"
          value={model}
          onChange={({ currentTarget }) => setModel(currentTarget.value)}
        >
          {models.map((id) => (
            <option key={id}>{id}</option>
          ))}
        </select>
        <button type="button" class="quiet small" onClick={clear} disabled={turns.length === 0}>
          New chat
        </button>
      </div>
      <div class="chat-log" role="log" aria-label="Conversation">
        {turns.length === 0 && <Welcome way={way} />}
        {turns.map((turn) => (
          <TurnView key={turn.id} turn={turn} />
        ))}
      </div>
      {way.state === 'failed' && (
        <div class="notice bad" role="alert">
          <p>
            <strong>Nothing can be sent.</strong> No machine passed your browser’s checks, and this
            page never sends in the clear instead. {way.message}
          </p>
        </div>
      )}
      {key === undefined ? (
        <KeyForm onSignedIn={setKey}>
          <a href="/dashboard#create">Create an account</a>
        </KeyForm>
      ) : (
        <Composer ready={way.state === 'open'} busy={busy} onAsk={ask} onStop={stop} />
      )}
      {isShown && way.state === 'open' && (
        <VerificationDialog
          verification={way.connection.verification}
          onClose={() => setShown(false)}
        />
      )}
    </>
  )
}

function useTurns(given: {
  readonly way: Way
  readonly key: string | undefined
  readonly model: string
}) {
  const { way, key, model } = given
  const [turns, setTurns] = useState<readonly Turn[]>([])
  const asking = useRef<AbortController | null>(null)
  const busy = turns.some(({ state }) => state === 'waiting' || state === 'streaming')
  const show = (turn: Turn): void =>
    setTurns((all) => all.map((other) => (other.id === turn.id ? turn : other)))
  const ask = async (question: string): Promise<void> => {
    if (way.state !== 'open' || key === undefined || busy) return
    const turn: Turn = { id: turns.length, question, answer: '', state: 'waiting' }
    setTurns([...turns, turn])
    const going = new AbortController()
    asking.current = going
    const { signal } = going
    const messages = messagesOf(turns, question)
    show(await askSealed({ connection: way.connection, key, model, turn, messages, signal, show }))
  }
  return {
    turns,
    busy,
    ask,
    stop: () => asking.current?.abort(),
    clear: () => {
      asking.current?.abort()
      setTurns([])
    },
  }
}

function Welcome({ way }: { readonly way: Way }) {
  const machines = way.state === 'open' ? way.verification.runners.length : 0
  return (
    <div class="welcome">
      <p class="lead">
        {way.state === 'opening' && 'Asking each machine for proof of what it runs…'}
        {way.state === 'open' &&
          `Your browser checked ${machines} machine${machines === 1 ? '' : 's'}. What you write is sealed here and opened only inside one of them.`}
      </p>
      <p class="note">The conversation stays in this tab and is gone when you close it.</p>
    </div>
  )
}

const WAY_WORDS = { verified: 'Verified', simulated: 'Simulated', none: 'Not verified' } as const

function WayBadge(props: {
  readonly way: Way
  readonly onOpen: () => void
  readonly onRetry: () => void
}) {
  const { way, onOpen, onRetry } = props
  if (way.state === 'opening') {
    return (
      <span class="badge unknown" role="status">
        Checking the machines…
      </span>
    )
  }
  if (way.state === 'failed') {
    return (
      <span class="badge-line">
        <span class="badge refused" role="status">
          Not verified
        </span>
        <button type="button" class="quiet small" onClick={onRetry}>
          Try again
        </button>
      </span>
    )
  }
  const { status, allowlist } = way.verification
  const told = allowlist.source === 'as told by gateway'
  return (
    <button
      type="button"
      class={`badge ${told ? 'simulated' : status}`}
      onClick={onOpen}
      aria-haspopup="dialog"
    >
      {WAY_WORDS[status]}
      {told && ', allowlist as told by the gateway'}
      <span class="more">what was checked</span>
    </button>
  )
}
