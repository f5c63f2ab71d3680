import { useRef, useState } from 'preact/hooks'
import { messageOf } from '../lib/gateway.ts'
import { offeredWallets, type Wallet } from '../lib/wallets.ts'
import type { Asking } from '../lib/with-wallet.ts'
import { QrCode } from './qr-code.tsx'

/** A choice of wallets, and what to scan; the one that was picked is asked once. TON Connect is loaded by `onPick`. */
export function WalletPicker({
  onPick,
}: {
  /** @returns what to say then */
  readonly onPick: (asking: Asking) => Promise<string>
}) {
  const [link, setLink] = useState<string>()
  const [said, setSaid] = useState('')
  const [isBusy, setBusy] = useState(false)
  const asked = useRef<AbortController>(undefined)
  const wallets = offeredWallets()
  if (wallets.length === 0) {
    return (
      <p class="note">
        There is no TON wallet in this browser, and no other one knows a local chain.
      </p>
    )
  }
  const pick = async (wallet: Wallet): Promise<void> => {
    const leaving = new AbortController()
    asked.current = leaving
    setBusy(true)
    setSaid('Waiting for the wallet…')
    try {
      setSaid(await onPick({ wallet, onLink: setLink, signal: leaving.signal }))
    } catch (error) {
      setSaid(leaving.signal.aborted ? '' : walletMessage(error))
    } finally {
      setBusy(false)
      setLink(undefined)
    }
  }
  return (
    <div class="wallets">
      <p class="actions">
        {wallets.map((wallet) => (
          <button
            key={wallet.name}
            type="button"
            class="quiet small"
            disabled={isBusy}
            onClick={() => pick(wallet)}
          >
            {wallet.name}
          </button>
        ))}
      </p>
      {link !== undefined && (
        <>
          <QrCode text={link} label="Connect a wallet by this code" />
          <a href={link} rel="noreferrer">
            Open the wallet
          </a>
        </>
      )}
      <p role="status">{said}</p>
      {isBusy && (
        <button type="button" class="quiet small" onClick={() => asked.current?.abort()}>
          Cancel
        </button>
      )}
    </div>
  )
}

/** TON Connect puts its own name and advice for programmers in front of what the wallet said. */
function walletMessage(error: unknown): string {
  const message = messageOf(error)
  if (!message.startsWith('[TON_CONNECT_SDK_ERROR]')) return message
  return /reject|declin|cancel/i.test(message)
    ? 'The wallet’s owner said no.'
    : 'The wallet did not do it.'
}
