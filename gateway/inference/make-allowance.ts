import { toSeconds } from '#base/brand.ts'
import { sealAllowance } from '#protocol'
import type { AccountId, RequestId } from '../db/ids.ts'
import type { Terms } from '../ledger/port.ts'
import type { Lease } from '../runners/live-runner.ts'
import type { InferenceDeps } from './deps.ts'
import type { Bound } from './terms.ts'

/** How long a runner may take to start on a request: covers clocks that differ. */
export const ALLOWANCE_SECONDS = 120

/** The value of `x-cocoon-allowance` for one attempt at one runner. @see protocol/SPEC.md section 7 */
export function makeAllowance(
  deps: Pick<InferenceDeps, 'provider' | 'refs' | 'clock'>,
  attempt: {
    readonly account: AccountId
    readonly request: RequestId
    readonly number: number
    readonly lease: Lease
    readonly terms: Terms
    readonly bound: Bound
    /** What names the body: `Envelope.binding`. */
    readonly binding: string
  },
): string {
  const { request, number, lease, terms, bound } = attempt
  const allowance = {
    request,
    attempt: number,
    session: lease.session,
    enc: attempt.binding,
    max_prompt_tokens: bound.promptTokens,
    max_completion_tokens: bound.completionTokens,
    price: terms.price,
    max_cost: bound.cost,
    expires: toSeconds(deps.clock()) + ALLOWANCE_SECONDS,
    ref: deps.refs.seal(attempt.account, request),
  }
  return sealAllowance(deps.provider, allowance, lease.allowances)
}
