import { member, numberMember, textMember } from '#base/members.ts'
import { clock } from './browser.ts'
import { call, Refused } from './gateway.ts'
import { signIn } from './sign-in.ts'
import { type Asking, withWallet } from './with-wallet.ts'

/** The key that a wallet's owner gets for this tab ends by itself. */
const TAB_KEY_SECONDS = 12 * 3_600

/**
 * Signs in by a wallet: its proof gives a short session, which makes a key for this tab and is thrown away.
 * @param account named by somebody whose wallet owns the account and is linked to none
 */
export async function signInByWallet(asking: Asking, account: string | undefined): Promise<string> {
  const named = account === undefined ? {} : { account }
  const { nonce, ton_proof } = await prove(asking, named)
  const body = { ...named, nonce, ton_proof }
  const session = await call('/v1/auth/session', { method: 'POST', body })
  const made = await call('/v1/keys', {
    key: textMember(session, 'token'),
    method: 'POST',
    body: {
      name: 'A browser, by wallet',
      role: 'admin',
      expires_at: Math.floor(clock() / 1000) + TAB_KEY_SECONDS,
    },
  })
  const key = textMember(made, 'key')
  if (key === undefined) throw new Refused(0, '', 'The gateway gave no key.')
  signIn(key, { remember: false, endsWithTab: textMember(made, 'id') })
  return key
}

export interface LinkedWallet {
  readonly address: string
  /** Unix seconds. */
  readonly linkedAt: number
}

/** Lets a wallet sign in to the account of this key from now on. */
export async function linkWallet(
  asking: Asking,
  { apiKey, account }: { readonly apiKey: string; readonly account: string },
): Promise<LinkedWallet> {
  const body = await prove(asking, { account, purpose: 'link_wallet' })
  const linked = await call('/v1/account/wallets', { key: apiKey, method: 'POST', body })
  return {
    address: textMember(linked, 'address') ?? '',
    linkedAt: numberMember(linked, 'linked_at') ?? 0,
  }
}

/** Asks the gateway what to sign, and the wallet to sign it. */
async function prove(asking: Asking, asked: object) {
  const challenge = await call('/v1/auth/challenge', { method: 'POST', body: asked })
  const payload = textMember(member(challenge, 'ton_proof'), 'payload') ?? ''
  return withWallet(asking, payload, async (_, { account, connectItems }) => {
    const item = connectItems?.tonProof
    if (item === undefined || !('proof' in item)) throw new Error('The wallet signed nothing.')
    const { timestamp, domain, payload, signature } = item.proof
    return {
      nonce: textMember(challenge, 'nonce') ?? '',
      ton_proof: {
        address: account.address,
        state_init: account.walletStateInit,
        proof: { timestamp, domain, payload, signature },
      },
    }
  })
}
