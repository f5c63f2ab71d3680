import { useState } from 'preact/hooks'
import { type Account, readAccount } from '../lib/account.ts'
import { Refused } from '../lib/gateway.ts'
import { signedInKey, signOut } from '../lib/sign-in.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { Balance } from './balance.tsx'
import { Exit } from './exit.tsx'
import { Keys } from './keys.tsx'
import { Money } from './money.tsx'
import { Owed } from './owed.tsx'
import { SignedOut } from './signed-out.tsx'
import { Usage } from './usage.tsx'
import { Wallets } from './wallets.tsx'

export function DashboardApp() {
  const [key, setKey] = useState(signedInKey)
  if (key === undefined) return <SignedOut onSignedIn={setKey} />
  const leave = (): void => {
    signOut()
    setKey(undefined)
  }
  return <SignedIn apiKey={key} onLeave={leave} />
}

function SignedIn({ apiKey, onLeave }: { readonly apiKey: string; readonly onLeave: () => void }) {
  const { loaded, again } = useLoaded(() => readAccount(apiKey), [apiKey])
  if (loaded.state === 'loading') return <h1>Account</h1>
  if (loaded.state === 'failed') {
    const isWrongKey = loaded.error instanceof Refused && loaded.error.status === 401
    return (
      <>
        <h1>Account</h1>
        <p class="notice bad" role="alert">
          {loaded.message}
        </p>
        <p class="actions">
          {!isWrongKey && (
            <button type="button" onClick={again}>
              Try again
            </button>
          )}
          <button type="button" class="quiet" onClick={onLeave}>
            Sign out
          </button>
        </p>
      </>
    )
  }
  const account = loaded.value
  return (
    <>
      <Title account={account} onLeave={onLeave} />
      <Balance account={account} />
      {account.mode === 'sovereign' && <Owed account={account} />}
      <Usage apiKey={apiKey} />
      <Money apiKey={apiKey} />
      <Keys apiKey={apiKey} />
      <Wallets apiKey={apiKey} account={account} />
      <Exit account={account} />
    </>
  )
}

function Title({ account, onLeave }: { readonly account: Account; readonly onLeave: () => void }) {
  return (
    <header class="title">
      <div>
        <h1>Account</h1>
        <p class="note">
          <code>{account.id}</code>{' '}
          {account.mode === 'sovereign'
            ? 'Sovereign: only cheques that you sign can charge it.'
            : 'Managed: the gateway’s meter may charge it, up to the Till’s daily cap.'}
        </p>
      </div>
      <button type="button" class="quiet small" onClick={onLeave}>
        Sign out
      </button>
    </header>
  )
}
