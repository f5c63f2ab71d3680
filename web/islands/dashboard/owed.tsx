import { nano } from '#base/nano.ts'
import type { Account } from '../lib/account.ts'
import { amountsOf, findSpendKey, saveSpendKey } from '../lib/spend-keys.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { Amount } from '../parts/amount.tsx'

/** What this device may sign for, and what it has seen no receipt of: only its owner's word adds that. */
export function Owed({ account }: { readonly account: Account }) {
  const { id, settled } = account
  const { loaded, again } = useLoaded(async () => (await findSpendKey(id)) ?? null, [id])
  if (loaded.state !== 'there') return null
  const record = loaded.value
  if (record === null) {
    return (
      <p class="notice warn">
        This device does not hold the account’s spend key, so it can sign no cheques. Sign out and
        sign in with the recovery file to chat here.
      </p>
    )
  }
  const { owed } = amountsOf(record)
  if (settled <= owed) return null
  const agree = async (): Promise<void> => {
    await saveSpendKey({ ...record, owed: settled.toString() })
    again()
  }
  return (
    <div class="notice warn" id="owed">
      <p>
        By this gateway’s books the account spent <Amount value={settled} />; this device saw
        receipts over <Amount value={owed} />. The rest was spent elsewhere, or its answers were not
        read to the end. Nothing is signed for it unless you agree.
      </p>
      <button type="button" class="quiet small" onClick={agree}>
        Sign for the other <Amount value={nano(settled - owed)} /> too
      </button>
    </div>
  )
}
