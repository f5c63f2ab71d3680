import { amountFlag } from '../till/deploy.ts'
import { tons } from '../till/status.ts'
import type { Action } from './perform.ts'
import type { Target } from './target.ts'

/**
 * Money that pays for a contract's storage. Asked for twice it is sent twice.
 * @param body what the contract takes as such
 */
export async function topUpStorage(
  { target, address }: { readonly target: Target; readonly address: Action['to'] },
  flags: { readonly amount?: string | undefined },
  body: Action['body'],
): Promise<Action> {
  const value = amountFlag('--amount', flags.amount)
  const before = (await target.chain.head(address)).last
  return {
    title: `add ${tons(value)} for storage`,
    to: address,
    value,
    body,
    done: async () => {
      const { last, balance } = await target.chain.head(address)
      return last?.lt === before?.lt ? undefined : `the balance is ${tons(balance)}`
    },
  }
}
