import { member, textMember } from '#base/members.ts'
import { BRIDGES, bridgesOf } from '../../bridges.ts'
import { site } from './browser.ts'

/** A wallet that speaks TON Connect: inside this browser, or somewhere else behind its bridge. */
export type Wallet =
  | { readonly name: string; readonly jsBridgeKey: string }
  | { readonly name: string; readonly universalLink: string; readonly bridgeUrl: string }

const REMOTE: readonly Wallet[] = [
  {
    name: 'Tonkeeper',
    universalLink: 'https://app.tonkeeper.com/ton-connect',
    bridgeUrl: `${BRIDGES.tonkeeper}/bridge`,
  },
  {
    name: 'MyTonWallet',
    universalLink: 'https://connect.mytonwallet.org',
    bridgeUrl: `${BRIDGES.mytonwallet}/bridge`,
  },
]

/** Names under which wallets put themselves into pages. @see https://github.com/ton-blockchain/wallets-list */
const INJECTED = [
  'tonkeeper',
  'mytonwallet',
  'tonhub',
  'okxTonWallet',
  'bitgetTonWallet',
  'safepalwallet',
  'openmask',
] as const

/** The wallets to choose from: those of this browser first. */
export function offeredWallets(): readonly Wallet[] {
  return [...injectedWallets(), ...(bridgesOf(site).length === 0 ? [] : REMOTE)]
}

function injectedWallets(): readonly Wallet[] {
  return INJECTED.flatMap((jsBridgeKey) => {
    const info = member(member(member(globalThis, jsBridgeKey), 'tonconnect'), 'walletInfo')
    const name = textMember(info, 'name')
    return name === undefined ? [] : [{ name: `${name} in this browser`, jsBridgeKey }]
  })
}
