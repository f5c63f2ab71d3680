import type { UnixMs } from '#base/brand.ts'
import type { TonAddress } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import type { RunnersDeps } from './deps.ts'
import type { RunnerRow } from './runner-store.ts'

/** How long a machine waits before it is paid at another wallet: time for its owner to notice. */
const CHANGE_MS = 24 * 3_600_000

/** A host is paid at wallets whose owner has shown that it controls them (H2). @throws ApiError */
export async function requireProvenPayee(deps: RunnersDeps, payee: TonAddress): Promise<void> {
  if (!deps.requiresHostProof || (await deps.payees.provenAt(payee)) !== undefined) return
  throw new ApiError(
    'wallet_unproven',
    'The wallet has not shown who controls it: cocoon wallet prove --gateway URL, once',
    { param: 'payee' },
  )
}

/** A known machine that names another wallet waits a day, in which it may still go back. @throws ApiError */
export async function requireSettledPayee(
  deps: RunnersDeps,
  known: RunnerRow,
  { payee, at }: { readonly payee: TonAddress; readonly at: UnixMs },
): Promise<void> {
  if (!deps.requiresHostProof) return
  if (known.payee !== payee) {
    const left = (await deps.payees.wants(known.id, payee, at)) + CHANGE_MS - at
    if (left > 0) {
      const hours = Math.ceil(left / 3_600_000)
      throw new ApiError('wallet_waiting', `Another wallet is paid from ${hours} hours on`, {
        param: 'payee',
      })
    }
  }
  await deps.payees.settled(known.id)
}
