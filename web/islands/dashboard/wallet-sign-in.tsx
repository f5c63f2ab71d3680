import { useState } from 'preact/hooks'
import { Refused } from '../lib/gateway.ts'
import { WalletPicker } from '../parts/wallet-picker.tsx'

/** Signs in by a wallet that was linked to an account, or that owns one. */
export function WalletSignIn({ onSignedIn }: { readonly onSignedIn: (key: string) => void }) {
  const [isUnknown, setUnknown] = useState(false)
  const [account, setAccount] = useState('')
  return (
    <details class="wallet-sign-in">
      <summary>With a TON wallet</summary>
      <p class="note">
        The wallet signs one message over TON Connect. It sends nothing and pays nothing. Sign in by
        a key once, and link it there.
      </p>
      {isUnknown && (
        <label class="field">
          Account id, if the wallet itself owns the account
          <input
            type="text"
            autocomplete="off"
            spellcheck={false}
            value={account}
            onInput={({ currentTarget }) => setAccount(currentTarget.value.trim())}
          />
        </label>
      )}
      <WalletPicker
        onPick={async (asking) => {
          const { signInByWallet } = await import('../lib/wallet-sign-in.ts')
          try {
            onSignedIn(await signInByWallet(asking, account === '' ? undefined : account))
            return 'Signed in.'
          } catch (error) {
            if (!(error instanceof Refused) || error.status !== 404) throw error
            setUnknown(true)
            return 'This wallet is linked to no account here.'
          }
        }}
      />
    </details>
  )
}
