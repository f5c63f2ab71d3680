import { listMember, member, numberMember, textMember } from '#base/members.ts'
import { grouped, utcTime } from '../../format.ts'
import { call } from '../lib/gateway.ts'
import { useLoaded } from '../lib/use-loaded.ts'

/** What the gateway hears from outside: the chain's providers, and where its rate comes from. */
export function Health({ adminKey }: { readonly adminKey: string }) {
  const chain = useLoaded(() => call('/admin/chain', { key: adminKey }), [adminKey])
  const rates = useLoaded(() => call('/admin/rates', { key: adminKey }), [adminKey])
  const again = (): void => {
    chain.again()
    rates.again()
  }
  return (
    <section aria-labelledby="health">
      <h2 id="health">Chain and rates</h2>
      {chain.loaded.state === 'there' && <Chain told={chain.loaded.value} />}
      {rates.loaded.state === 'there' && <Rates told={rates.loaded.value} />}
      {[chain.loaded, rates.loaded].map(
        (loaded) =>
          loaded.state === 'failed' && (
            <p class="problem" role="alert">
              {loaded.message}
            </p>
          ),
      )}
      <p class="actions">
        <button type="button" class="quiet small" onClick={again}>
          Ask them again
        </button>
      </p>
    </section>
  )
}

/** @see gateway/money/errors.ts */
const ERRORS: ReadonlyMap<string, string> = new Map([
  ['unavailable', 'does not answer'],
  ['rate_limited', 'allows no more calls'],
  ['bad_answer', 'answers what no provider should'],
  ['stale', 'shows the past'],
  ['regressed', 'shows an earlier block than before'],
  ['gap', 'leaves transactions out'],
  ['fork', 'tells another history'],
  ['untrusted', 'is not believed alone'],
  ['refused', 'has no such contract'],
])

function Chain({ told }: { readonly told: unknown }) {
  return (
    <>
      <section class="scroll" tabIndex={0} aria-label="Providers of the chain">
        <table>
          <thead>
            <tr>
              <th scope="col">Provider</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Block
              </th>
              <th scope="col" class="number">
                Behind
              </th>
            </tr>
          </thead>
          <tbody>
            {listMember(told, 'providers').map((provider) => (
              <ProviderRow key={textMember(provider, 'host')} provider={provider} />
            ))}
          </tbody>
        </table>
      </section>
      <Agreement told={told} />
      <Watcher watcher={member(told, 'watcher')} />
    </>
  )
}

function ProviderRow({ provider }: { readonly provider: unknown }) {
  const error = textMember(provider, 'error')
  const seqno = numberMember(provider, 'seqno')
  const lag = numberMember(provider, 'lag_seconds')
  return (
    <tr>
      <th scope="row">
        <code>{textMember(provider, 'host')}</code>
        <small>{textMember(provider, 'role')}</small>
      </th>
      <td>
        {error === undefined ? (
          <span class="badge verified">Answers</span>
        ) : (
          <>
            <span class="badge refused">Fails</span> <small>{ERRORS.get(error) ?? error}</small>
          </>
        )}
      </td>
      <td class="number">{seqno === undefined ? '–' : grouped(seqno)}</td>
      <td class="number">{lag === undefined ? '–' : `${grouped(lag)} s`}</td>
    </tr>
  )
}

function Agreement({ told }: { readonly told: unknown }) {
  const agreement = member(told, 'agreement')
  const at = numberMember(agreement, 'at')
  const isAlone = listMember(told, 'providers').length < 2
  if (at === undefined) {
    return (
      <p class="note">
        {isAlone
          ? 'One provider alone is believed, up to a limit. Name others in TON_WITNESSES.'
          : 'Nothing was compared yet: that happens with the next credit or debit.'}
      </p>
    )
  }
  const agree = member(agreement, 'agree') === true
  return (
    <p class={`notice ${agree ? 'good' : 'bad'}`} role="status" id="agreement">
      {agree
        ? `All providers showed the same at ${utcTime(at)}.`
        : `They showed different accounts at ${utcTime(at)}: nothing of it is taken over until they agree.`}
    </p>
  )
}

function Watcher({ watcher }: { readonly watcher: unknown }) {
  const at = numberMember(watcher, 'at')
  const failed = member(watcher, 'last_error')
  const failedAt = numberMember(failed, 'at')
  const code = textMember(failed, 'code') ?? ''
  const isFailing = failedAt !== undefined && failedAt > (at ?? 0)
  return (
    <p class={isFailing ? 'notice bad' : 'note'} id="watcher">
      {at === undefined
        ? 'The Till was not read yet, or is read elsewhere.'
        : `The Till is read up to block ${grouped(numberMember(watcher, 'seqno') ?? 0)}, at ${utcTime(at)}.`}
      {failedAt !== undefined &&
        ` Last failure at ${utcTime(failedAt)}: ${ERRORS.get(code) ?? code}.`}
    </p>
  )
}

function Rates({ told }: { readonly told: unknown }) {
  const ticker = textMember(told, 'ticker') ?? ''
  const rate = member(told, 'rate')
  const usd = numberMember(rate, 'usd')
  const sources = listMember(told, 'sources')
  return (
    <div id="rates">
      <p class="note">
        {usd === undefined
          ? `No dollar rate: amounts are shown in ${ticker} alone.`
          : `One ${ticker} is ${usd} US dollars: ${textMember(rate, 'source')}, ${numberMember(rate, 'age_seconds') ?? 0} seconds old.`}
      </p>
      {sources.length > 0 && (
        <ul class="plain">
          {sources.map((source) => {
            const price = numberMember(source, 'usd')
            return (
              <li key={textMember(source, 'name')}>
                {textMember(source, 'name')}:{' '}
                {price === undefined ? 'nothing usable' : `${price} US dollars`}, asked at{' '}
                {utcTime(numberMember(source, 'at') ?? 0)}
              </li>
            )
          })}
        </ul>
      )}
    </div>
  )
}
