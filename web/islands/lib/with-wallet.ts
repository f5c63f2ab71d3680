import { type Wallet as Connected, type ITonConnect, TonConnect } from '@tonconnect/sdk'
import type { Wallet } from './wallets.ts'

/** What somebody who picked a wallet gives and gets while it is asked. */
export interface Asking {
  readonly wallet: Wallet
  /** What the wallet opens or scans; not called for one in this browser. */
  readonly onLink: (link: string) => void
  /** Ends the wait. */
  readonly signal: AbortSignal
}

/**
 * Connects a wallet over TON Connect, uses it once and lets go again. Telemetry is off, the list of wallets is our own, and
 * nothing of the connection is kept.
 * @param proof what the wallet is to sign as `ton_proof` while it connects
 */
export async function withWallet<Result>(
  { wallet, onLink, signal }: Asking,
  proof: string | undefined,
  use: (connector: ITonConnect, connected: Connected) => Promise<Result>,
): Promise<Result> {
  const connector = new TonConnect({
    manifestUrl: `${location.origin}/tonconnect-manifest.json`,
    storage: memoryStorage(),
    analytics: { mode: 'off' },
  })
  try {
    const connected = new Promise<Connected>((resolve, reject) => {
      connector.onStatusChange((account) => account !== null && resolve(account), reject)
      signal.addEventListener('abort', () => reject(new Error('Nothing was asked any more.')))
    })
    const request = proof === undefined ? {} : { request: { tonProof: proof } }
    if ('jsBridgeKey' in wallet) connector.connect({ jsBridgeKey: wallet.jsBridgeKey }, request)
    else {
      const { universalLink, bridgeUrl } = wallet
      onLink(connector.connect({ universalLink, bridgeUrl }, request))
    }
    return await use(connector, await connected)
  } finally {
    await connector.disconnect().catch(() => undefined)
  }
}

function memoryStorage() {
  const kept = new Map<string, string>()
  return {
    getItem: async (name: string) => kept.get(name) ?? null,
    setItem: async (name: string, value: string) => {
      kept.set(name, value)
    },
    removeItem: async (name: string) => {
      kept.delete(name)
    },
  }
}
