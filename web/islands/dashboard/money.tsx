import { utcTime } from '../../format.ts'
import { type ChainEvent, EVENT_KINDS, readChainEvents } from '../lib/account.ts'
import { site } from '../lib/browser.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { Amount } from '../parts/amount.tsx'
import { Id } from '../parts/check-list.tsx'
import { ReservesCheck } from './reserves-check.tsx'

const KINDS: ReadonlyMap<string, string> = new Map(EVENT_KINDS)

/** What happened to the account on chain, and whether the gateway admits to owing what is left. */
export function Money({ apiKey }: { readonly apiKey: string }) {
  const { loaded } = useLoaded(() => readChainEvents(apiKey), [apiKey])
  const events = loaded.state === 'there' ? loaded.value : []
  return (
    <section aria-labelledby="money">
      <h2 id="money">On chain</h2>
      {loaded.state === 'there' && events.length === 0 && (
        <p class="empty">
          Nothing yet. <a href="/top-up">Top up</a>, and each transfer stands here.
        </p>
      )}
      {events.length > 0 && <Events events={events} />}
      {loaded.state === 'failed' && (
        <p class="problem" role="alert">
          {loaded.message}
        </p>
      )}
      <ReservesCheck apiKey={apiKey} />
    </section>
  )
}

function Events({ events }: { readonly events: readonly ChainEvent[] }) {
  return (
    <section class="scroll" tabIndex={0} aria-label="Transactions">
      <table>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Time</th>
            <th scope="col">Transaction</th>
            <th scope="col" class="number">
              Amount
            </th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <tr key={event.lt}>
              <th scope="row">{KINDS.get(event.kind) ?? event.kind}</th>
              <td>{utcTime(event.at)}</td>
              <td>
                {site.explorer === null ? (
                  <Id value={event.hash} />
                ) : (
                  <a href={`${site.explorer}transaction/${event.hash}`} rel="noreferrer">
                    <Id value={event.hash} />
                  </a>
                )}
              </td>
              <td class="number">
                <Amount value={event.value} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
