import { useState } from 'preact/hooks'
import { listMember, numberMember, textMember } from '#base/members.ts'
import { utcTime } from '../../format.ts'
import type { Account } from '../lib/account.ts'
import { call, messageOf } from '../lib/gateway.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { Id } from '../parts/check-list.tsx'
import { WalletPicker } from '../parts/wallet-picker.tsx'

/** Wallets that may sign in to the account. None of them owns what is in it. */
export function Wallets({
  apiKey,
  account,
}: {
  readonly apiKey: string
  readonly account: Account
}) {
  const { loaded, again } = useLoaded(() => call('/v1/account/wallets', { key: apiKey }), [apiKey])
  const [problem, setProblem] = useState('')
  const remove = (address: string): void => {
    const path = `/v1/account/wallets/${address}`
    call(path, { key: apiKey, method: 'DELETE' }).then(again, (error: unknown) =>
      setProblem(messageOf(error)),
    )
  }
  const wallets = loaded.state === 'there' ? listMember(loaded.value, 'data') : []
  return (
    <section aria-labelledby="wallets" class="narrow">
      <h2 id="wallets">Wallets that sign in</h2>
      <p>
        A linked wallet signs in without a key and manages the account. The money stays with whoever
        holds the recovery file.
      </p>
      {wallets.length > 0 && (
        <ul class="plain">
          {wallets.map((wallet) => {
            const address = textMember(wallet, 'address') ?? ''
            return (
              <li key={address}>
                <Id value={address} /> since {utcTime(numberMember(wallet, 'linked_at') ?? 0)}{' '}
                <button type="button" class="danger small" onClick={() => remove(address)}>
                  Take it away
                </button>
              </li>
            )
          })}
        </ul>
      )}
      <p class="problem" role="alert">
        {loaded.state === 'failed' ? loaded.message : problem}
      </p>
      <details>
        <summary>Link a wallet</summary>
        <WalletPicker
          onPick={async (asking) => {
            const { linkWallet } = await import('../lib/wallet-sign-in.ts')
            await linkWallet(asking, { apiKey, account: account.id })
            again()
            return 'Linked.'
          }}
        />
      </details>
    </section>
  )
}
