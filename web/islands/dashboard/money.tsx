import { readDeposits } from '../lib/account.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { ChainEvents } from '../parts/chain-events.tsx'
import { ReservesCheck } from './reserves-check.tsx'

const COLUMNS = ['what', 'time', 'transaction'] as const

/** What happened to the account on chain, and whether the gateway admits to owing what is left. */
export function Money({ apiKey }: { readonly apiKey: string }) {
  const { loaded } = useLoaded(() => readDeposits(apiKey), [apiKey])
  const events = loaded.state === 'there' ? loaded.value.events : []
  return (
    <section aria-labelledby="money">
      <h2 id="money">On chain</h2>
      {loaded.state === 'there' && events.length === 0 && (
        <p class="empty">
          Nothing yet. <a href="/top-up">Top up</a>, and each transfer stands here.
        </p>
      )}
      {events.length > 0 && <ChainEvents events={events} label="Transactions" columns={COLUMNS} />}
      {loaded.state === 'failed' && (
        <p class="problem" role="alert">
          {loaded.message}
        </p>
      )}
      <ReservesCheck apiKey={apiKey} />
    </section>
  )
}
