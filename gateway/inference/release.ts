import { receiptId } from '#protocol'
import { codeOf } from '../log.ts'
import type { InferenceDeps } from './deps.ts'
import type { Reservation } from './reserve.ts'

type ReleaseDeps = Pick<InferenceDeps, 'ledger' | 'limiter' | 'proofs' | 'unwritten' | 'log'>

/**
 * Gives a hold back because nothing of the attempt reached the client, or nothing that may be charged. Where the books
 * take no writes it is tried again until they do, and until then no receipt of the attempt is taken.
 * @throws what the books say, so that nobody is told that nothing was charged before that stands there
 */
export async function release(
  deps: ReleaseDeps,
  { account, request, attempt, at }: Pick<Reservation, 'account' | 'request' | 'attempt' | 'at'>,
): Promise<void> {
  const receipt = receiptId(request, attempt)
  deps.limiter.used(request, 0)
  deps.proofs.open(receipt)
  const write = async (): Promise<void> => {
    await deps.ledger.commit([{ op: 'release', account, request, attempt, at }])
    deps.proofs.close(receipt)
  }
  try {
    await write()
  } catch (error) {
    deps.log('warn', 'a hold is not given back yet', { receipt, code: codeOf(error) })
    deps.unwritten.add(write)
    throw error
  }
}
