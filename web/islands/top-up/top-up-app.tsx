import { useState } from 'preact/hooks'
import { type Nano, parseTon } from '#base/nano.ts'
import {
  type AccountId,
  accountMode,
  formatMemo,
  friendlyAddress,
  parseMemo,
} from '#contracts/pure'
import { site } from '../lib/browser.ts'
import { signedInKey } from '../lib/sign-in.ts'
import { offeredWallets } from '../lib/wallets.ts'
import type { Asking } from '../lib/with-wallet.ts'
import { CopyButton } from '../parts/copy-button.tsx'
import { QrCode } from '../parts/qr-code.tsx'
import { WalletPicker } from '../parts/wallet-picker.tsx'
import { Faucet } from './faucet.tsx'
import { LiveState } from './live-state.tsx'
import { transferLink } from './transfer-link.ts'

const KEY_ACCOUNT = /^sk-coc-([0-9A-HJKMNP-TV-Z]{32})-/
const DEFAULT_AMOUNT = '5'

/** Address, memo and amount as a code, a link and texts; and what has come of it. */
export function TopUpApp(props: { readonly till: string; readonly asked: string | undefined }) {
  const key = signedInKey()
  const own = parseMemo(KEY_ACCOUNT.exec(key ?? '')?.[1] ?? '')
  const [typed, setTyped] = useState(props.asked ?? '')
  const account = parseMemo(typed) ?? (typed === '' ? own : undefined)
  if (account === undefined) return <AskAccount typed={typed} onTyped={setTyped} />
  return <Pay till={props.till} account={account} apiKey={account === own ? key : undefined} />
}

function AskAccount(props: { readonly typed: string; readonly onTyped: (text: string) => void }) {
  return (
    <div class="narrow">
      <p class="lead">
        Sign in on the <a href="/dashboard">account page</a>, or give the account that the money is
        for.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          props.onTyped(String(new FormData(event.currentTarget).get('account') ?? ''))
        }}
      >
        <label class="field">
          Account id
          <input
            type="text"
            name="account"
            required
            autocomplete="off"
            spellcheck={false}
            aria-describedby="id-problem"
          />
        </label>
        <p id="id-problem" class="problem" role="alert">
          {props.typed !== '' &&
            'That is not an account id: its check does not match. Nothing was sent.'}
        </p>
        <button type="submit">Go on</button>
      </form>
    </div>
  )
}

function Pay(props: {
  readonly till: string
  readonly account: AccountId
  readonly apiKey: string | undefined
}) {
  const { till, account, apiKey } = props
  const [text, setText] = useState(DEFAULT_AMOUNT)
  const amount = amountOf(text)
  const address = friendlyAddress(till)
  const link = transferLink({ address, memo: account, amount })
  const isLocal = site.explorer === null
  return (
    <div class="pay">
      <div class="card pay-code">
        <QrCode text={link} label={`Transfer of ${text} ${site.ticker} with the memo ${account}`} />
        <a class="button" href={link}>
          Open in a wallet
        </a>
        {(!isLocal || offeredWallets().length > 0) && (
          <details>
            <summary>Connect a wallet</summary>
            <p class="note">This asks the wallet alone, and nobody before you press.</p>
            <WalletPicker onPick={(asking) => pay(asking, { address, memo: account, amount })} />
          </details>
        )}
      </div>
      <div>
        <label class="field amount-field">
          Amount in {site.ticker}
          <input
            type="text"
            inputMode="decimal"
            value={text}
            aria-invalid={amount === undefined}
            onInput={({ currentTarget }) => setText(currentTarget.value.trim().replace(',', '.'))}
          />
        </label>
        <Line name="Address" value={address} />
        <Line name="Memo (comment)" value={account} shown={formatMemo(account)} />
        <p class="note">
          The memo is the account’s own id, {accountMode(account)}. Without it the money cannot be
          credited.
        </p>
        {isLocal && (
          <Faucet till={address} memo={account} amount={text} ready={amount !== undefined} />
        )}
        {apiKey === undefined ? (
          <p class="note">Sign in with a key of this account to see here when the money comes.</p>
        ) : (
          <LiveState apiKey={apiKey} />
        )}
      </div>
    </div>
  )
}

async function pay(
  asking: Asking,
  { amount, ...to }: { address: string; memo: AccountId; amount: Nano | undefined },
): Promise<string> {
  if (amount === undefined) return 'Give an amount like 5 or 0.5.'
  const { payByWallet } = await import('./pay-by-wallet.ts')
  await payByWallet(asking, { ...to, amount })
  return 'Sent. It is credited when its block is final.'
}

function Line(props: { readonly name: string; readonly value: string; readonly shown?: string }) {
  const { name, value, shown = value } = props
  return (
    <div class="field">
      <strong>{name}</strong>
      <p class="secret-line">
        <code>{shown}</code> <CopyButton text={value} />
      </p>
    </div>
  )
}

function amountOf(text: string): Nano | undefined {
  try {
    const amount = parseTon(text)
    return amount > 0n ? amount : undefined
  } catch {
    return undefined
  }
}
