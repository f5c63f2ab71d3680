import { useState } from 'preact/hooks'
import type { Nano } from '#base/nano.ts'
import type { AccountId } from '#contracts/pure'
import { messageOf } from '../lib/gateway.ts'
import { QrCode } from '../parts/qr-code.tsx'
import { WALLETS } from './wallets.ts'

/** TON Connect, loaded when somebody asks for it. The wallet shows what it is about to send and asks its owner. */
export function WalletConnect(props: {
  readonly address: string
  readonly memo: AccountId
  readonly amount: Nano | undefined
}) {
  const [link, setLink] = useState<string>()
  const [said, setSaid] = useState('')
  const pay = async (wallet: (typeof WALLETS)[number]): Promise<void> => {
    const { payByWallet } = await import('./pay-by-wallet.ts')
    if (props.amount === undefined) return
    setSaid('Waiting for the wallet…')
    await payByWallet({ ...props, amount: props.amount, wallet, onLink: setLink })
    setSaid('Sent. It is credited when its block is final.')
    setLink(undefined)
  }
  return (
    <details class="wallets">
      <summary>Connect a wallet</summary>
      <p class="note">This asks the wallet’s own bridge, and nobody before you press.</p>
      <p class="actions">
        {WALLETS.map((wallet) => (
          <button
            key={wallet.name}
            type="button"
            class="quiet small"
            onClick={() => pay(wallet).catch((error: unknown) => setSaid(messageOf(error)))}
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
    </details>
  )
}
