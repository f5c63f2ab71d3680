import type { Cell } from '@ton/core'
import type { Nano } from '#base/nano.ts'
import { findMessage, type Where } from './find-message.ts'
import type { Target } from './target.ts'

/**
 * Whether a contract has taken a message of this value and body since then, and done what it asks for. For what leaves no other
 * mark: balances and sums move by other people's messages too.
 */
export async function wasTaken(
  target: Pick<Target, 'chain'>,
  where: Where,
  sent: { readonly value: Nano; readonly body: Cell },
): Promise<boolean> {
  const found = await findMessage(target, where, ({ info, body }) => {
    return info.value.coins === sent.value && body.equals(sent.body)
  })
  if (found?.description.type !== 'generic') return false
  const { computePhase, actionPhase } = found.description
  return computePhase.type === 'vm' && computePhase.success && actionPhase?.success === true
}
