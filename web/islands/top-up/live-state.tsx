import { useEffect, useState } from 'preact/hooks'
import { type Nano, nano } from '#base/nano.ts'
import { type Account, readAccount } from '../lib/account.ts'
import { Amount } from '../parts/amount.tsx'

const POLL_MS = 1_500

/** Waits for the money, and says when it is there. */
export function LiveState({ apiKey }: { readonly apiKey: string }) {
  const [first, setFirst] = useState<Account>()
  const [now, setNow] = useState<Account>()
  useEffect(() => {
    const left = new AbortController()
    watch(apiKey, left.signal, (account) => {
      setFirst((before) => before ?? account)
      setNow(account)
    })
    return () => left.abort()
  }, [apiKey])
  if (first === undefined || now === undefined) return <p class="note">Looking at the account…</p>
  const come: Nano = nano(now.credited - first.credited)
  return (
    <div class={`notice ${come > 0n ? 'good' : ''}`} role="status" id="live-state">
      {come > 0n ? (
        <p>
          <strong>
            <Amount value={come} /> credited.
          </strong>{' '}
          <a href="/chat">Use it</a>
        </p>
      ) : (
        <p>Waiting for a transfer. This page notices it by itself.</p>
      )}
      <p>
        Available: <Amount value={now.available} />
      </p>
    </div>
  )
}

async function watch(
  apiKey: string,
  gone: AbortSignal,
  tell: (account: Account) => void,
): Promise<void> {
  while (!gone.aborted) {
    // A failed look is followed by the next one.
    const account = await readAccount(apiKey).catch(() => undefined)
    if (account !== undefined && !gone.aborted) tell(account)
    await new Promise((next) => setTimeout(next, POLL_MS))
  }
}
