import type { Random, UnixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import type { Report } from '#protocol'
import { nodeProvider } from '#protocol/node'
import type { Quoter } from '../quote/quoter.ts'
import { createAttestor, type ServingFacts } from './attestor.ts'
import { type Claims, createIdentity } from './identity.ts'

const NONCE_BYTES = 32
/** These keys are never used: they end as soon as they may. */
const LIFETIME_SECONDS = 600

export interface OnceInput {
  readonly quoter: Quoter
  readonly claims: Claims
  readonly serving: ServingFacts
  readonly random: Random
  readonly now: UnixSeconds
}

/**
 * The report that this machine would register with, over a nonce of its own, for keys that are thrown away: what a
 * gateway would judge can be judged before one is asked.
 * @throws QuoteError
 */
export async function attestOnce(
  input: OnceInput,
): Promise<{ readonly report: Report; readonly nonce: string }> {
  const { quoter, claims, serving, random, now } = input
  const attestor = createAttestor(quoter, serving, () => {})
  const lifetimeSeconds = LIFETIME_SECONDS
  const identity = await createIdentity({
    provider: nodeProvider,
    gpus: attestor.gpus,
    claims,
    random,
    now,
    lifetimeSeconds,
  })
  const nonce = hex(random(NONCE_BYTES))
  return { report: await attestor.report(identity, nonce), nonce }
}
