import { amountFlag } from '../till/deploy.ts'
import { tons } from '../till/status.ts'
import { newestOf } from './find-message.ts'
import type { Action } from './perform.ts'
import type { Target } from './target.ts'
import { wasTaken } from './was-taken.ts'

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
  const where = await newestOf(target, address)
  return {
    title: `add ${tons(value)} for storage`,
    to: address,
    value,
    body,
    done: async () => {
      if (!(await wasTaken(target, where, { value, body }))) return undefined
      return `the balance is ${tons((await target.chain.head(address)).balance)}`
    },
  }
}
