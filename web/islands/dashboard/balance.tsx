import { nano } from '#base/nano.ts'
import type { Account } from '../lib/account.ts'
import { Amount } from '../parts/amount.tsx'

export function Balance({ account }: { readonly account: Account }) {
  const { available, held, settled, exitAt } = account
  return (
    <>
      {exitAt !== null && (
        <p class="notice warn">
          An exit is ordered on chain: this account is closed, and what is left can be taken out by
          its owner.
        </p>
      )}
      <div class="cards">
        <div class="card">
          <small>Available</small>
          <span class="figure" id="available">
            <Amount value={available} />
          </span>
          {exitAt === null && <a href="/top-up">Top up</a>}
        </div>
        <div class="card">
          <small>Held for requests under way</small>
          <span class="figure">
            <Amount value={held} />
          </span>
        </div>
        <div class="card">
          <small>Spent so far</small>
          <span class="figure">
            <Amount value={nano(settled)} />
          </span>
        </div>
      </div>
    </>
  )
}
