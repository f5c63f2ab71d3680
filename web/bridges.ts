/** Where wallets that the page offers are reached: only from pages that connect one, and only when somebody does. */
export const BRIDGES = {
  tonkeeper: 'https://bridge.tonapi.io',
  mytonwallet: 'https://tonconnectbridge.mytonwallet.org',
} as const

/** Origins that a page which connects wallets may reach: none where the chain is local, since no wallet knows that one. */
export function bridgesOf({
  explorer,
}: {
  readonly explorer: string | null | undefined
}): readonly string[] {
  return explorer == null ? [] : Object.values(BRIDGES)
}
