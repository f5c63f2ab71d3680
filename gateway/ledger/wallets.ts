import { asc, count, desc, eq } from 'drizzle-orm'
import { walletLinks } from '../db/schema.ts'
import type { Books } from './books.ts'
import type {
  FindWallet,
  FindWalletResult,
  LinkWallet,
  LinkWalletResult,
  ListWallets,
  ListWalletsResult,
  Ok,
  PointWallet,
  UnlinkWallet,
  UnlinkWalletResult,
} from './port.ts'

/** Wallets of one account. */
const MAX_WALLETS = 10
/** Accounts of one wallet that are looked at. */
const MAX_LINKS = 10

const PUT = `INSERT INTO wallet_links (account, wallet, at) VALUES (?, ?, ?)
  ON CONFLICT (account, wallet) DO UPDATE SET at = excluded.at`

/** @see LinkWallet */
export function prepareLinkWallet(books: Books): (op: LinkWallet) => LinkWalletResult {
  const { store } = books
  const put = store.prepare(PUT)
  const find = store.prepare('SELECT 1 FROM wallet_links WHERE account = ? AND wallet = ?')
  return ({ account, wallet, at }) => {
    if (books.accountNo(account) === undefined) return { ok: false, code: 'unknown_account' }
    const [row] = store.db
      .select({ all: count() })
      .from(walletLinks)
      .where(eq(walletLinks.account, account))
      .all()
    if ((row?.all ?? 0) >= MAX_WALLETS && find.get(account, wallet) === undefined) {
      return { ok: false, code: 'too_many_wallets' }
    }
    put.run(account, wallet, at)
    return { ok: true }
  }
}

/** @see UnlinkWallet */
export function prepareUnlinkWallet({ store }: Books): (op: UnlinkWallet) => UnlinkWalletResult {
  const drop = store.prepare('DELETE FROM wallet_links WHERE account = ? AND wallet = ?')
  return ({ account, wallet }) =>
    drop.run(account, wallet) ? { ok: true } : { ok: false, code: 'unknown_wallet' }
}

/** @see ListWallets */
export function prepareListWallets({
  store: { db },
}: Books): (op: ListWallets) => ListWalletsResult {
  const { wallet, at } = walletLinks
  return ({ account }) => ({
    ok: true,
    wallets: db
      .select({ wallet, at })
      .from(walletLinks)
      .where(eq(walletLinks.account, account))
      .orderBy(asc(at))
      .all(),
  })
}

/** @see PointWallet */
export function preparePointWallet({ store }: Books): (op: PointWallet) => Ok {
  const put = store.prepare(PUT)
  return ({ wallet, to, at }) => {
    put.run(to, wallet, at)
    return { ok: true }
  }
}

/** @see FindWallet */
export function prepareFindWallet({ store: { db } }: Books): (op: FindWallet) => FindWalletResult {
  const { account, at } = walletLinks
  return ({ wallet }) => ({
    ok: true,
    links: db
      .select({ account, at })
      .from(walletLinks)
      .where(eq(walletLinks.wallet, wallet))
      .orderBy(desc(at))
      .limit(MAX_LINKS)
      .all(),
  })
}
