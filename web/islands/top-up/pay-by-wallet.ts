import { TonConnect } from '@tonconnect/sdk'
import { base64 } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import { type AccountId, plainMemoBody, writeBoc } from '#contracts/pure'
import { clock } from '../lib/browser.ts'
import type { WALLETS } from './wallets.ts'

const VALID_SECONDS = 300

/**
 * Pays by a wallet over TON Connect: connect, send, and let go again. Telemetry is off; the list of wallets is our own.
 * @param given.onLink what the wallet opens or scans
 */
export async function payByWallet(given: {
  readonly address: string
  readonly memo: AccountId
  readonly amount: Nano
  readonly wallet: (typeof WALLETS)[number]
  readonly onLink: (link: string) => void
}): Promise<void> {
  const { address, memo, amount, wallet, onLink } = given
  const connector = new TonConnect({
    manifestUrl: `${location.origin}/tonconnect-manifest.json`,
    analytics: { mode: 'off' },
  })
  try {
    const connected = new Promise<void>((resolve, reject) => {
      connector.onStatusChange((account) => account !== null && resolve(), reject)
    })
    onLink(connector.connect({ universalLink: wallet.universalLink, bridgeUrl: wallet.bridgeUrl }))
    await connected
    await connector.sendTransaction({
      validUntil: Math.floor(clock() / 1000) + VALID_SECONDS,
      messages: [
        { address, amount: amount.toString(), payload: base64(writeBoc(plainMemoBody(memo))) },
      ],
    })
  } finally {
    await connector.disconnect().catch(() => undefined)
  }
}
