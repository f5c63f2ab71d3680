import { base64 } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import { type AccountId, plainMemoBody, writeBoc } from '#contracts/pure'
import { clock } from '../lib/browser.ts'
import { type Asking, withWallet } from '../lib/with-wallet.ts'

const VALID_SECONDS = 300

/** Pays by a wallet, which shows what it is about to send and asks its owner. */
export async function payByWallet(
  asking: Asking,
  {
    address,
    memo,
    amount,
  }: { readonly address: string; readonly memo: AccountId; readonly amount: Nano },
): Promise<void> {
  const payload = base64(writeBoc(plainMemoBody(memo)))
  await withWallet(asking, undefined, (connector) =>
    connector.sendTransaction(
      {
        validUntil: Math.floor(clock() / 1000) + VALID_SECONDS,
        messages: [{ address, amount: amount.toString(), payload }],
      },
      { signal: asking.signal },
    ),
  )
}
