import { Hono } from 'hono'
import { linkWallet, listWallets, unlinkWallet } from '../accounts/wallet-links.ts'
import type { FrontDeps } from '../deps.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { callerOf, requireAccount, requireAdmin } from '../http/require-account.ts'
import type { LinkedWallet } from '../ledger/port.ts'
import { readAddress } from './chain.ts'

const MAX_BODY_BYTES = 16 * 1024

/** Wallets that may sign in to an account. */
export function walletRoutes(deps: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const guards = [requireAccount(deps), requireAdmin] as const

  app.get('/v1/account/wallets', ...guards, async (context) => {
    const wallets = await listWallets(deps.accounts, callerOf(context).account)
    return context.json({ object: 'list', data: wallets.map(walletView) })
  })

  app.post('/v1/account/wallets', ...guards, async (context) => {
    const { account } = callerOf(context)
    const body = await readJson(context, MAX_BODY_BYTES)
    return context.json(walletView(await linkWallet(deps.accounts, account, body)), 201)
  })

  app.delete('/v1/account/wallets/:address', ...guards, async (context) => {
    const wallet = readAddress(context.req.param('address'))
    await unlinkWallet(deps.accounts, callerOf(context).account, wallet)
    return context.body(null, 204)
  })
  return app
}

function walletView({ wallet, at }: LinkedWallet) {
  return { object: 'wallet' as const, address: wallet, linked_at: Math.floor(at / 1000) }
}
