import { Hono } from 'hono'
import type { AppDeps } from '../deps.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { createHostProofs } from '../runners/host-proof.ts'
import { readAddress } from './chain.ts'

const MAX_BODY_BYTES = 16 * 1024

/** Hosts show that they control the wallet that they want to be paid at (H2). */
export function hostProofRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { payees, requiresHostProof } = deps.runners
  const proofs = createHostProofs(deps.runners)

  app.get('/v1/hosts/:address/proof', async (context) => {
    const wallet = readAddress(context.req.param('address'))
    const { domain, payload, expiresAt } = proofs.ask(wallet)
    const provenAt = await payees.provenAt(wallet)
    return context.json({
      address: wallet,
      required: requiresHostProof,
      proven_at: provenAt === undefined ? null : Math.floor(provenAt / 1000),
      domain,
      payload,
      expires_at: expiresAt,
    })
  })

  app.post('/v1/hosts/:address/proof', async (context) => {
    const wallet = readAddress(context.req.param('address'))
    await proofs.prove(wallet, await readJson(context, MAX_BODY_BYTES))
    deps.runners.log('info', 'wallet of a host proven', { code: 'wallet_proven' })
    return context.json({ address: wallet, proven: true })
  })
  return app
}
