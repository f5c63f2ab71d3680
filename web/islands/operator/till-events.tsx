import { useState } from 'preact/hooks'
import { listMember, numberMember, textMember } from '#base/members.ts'
import { shortId, utcTime } from '../../format.ts'
import { amount } from '../../read.ts'
import { EVENT_KINDS } from '../lib/account.ts'
import { call } from '../lib/gateway.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { Amount } from '../parts/amount.tsx'
import { Id } from '../parts/check-list.tsx'

type Kind = (typeof EVENT_KINDS)[number][0]

/** What the watcher read at the Till, by kind: first what belongs to nobody yet. */
export function TillEvents({ adminKey }: { readonly adminKey: string }) {
  const [kind, setKind] = useState<Kind>('orphan')
  const [before, setBefore] = useState<string>()
  const page = before === undefined ? '' : `&before=${before}`
  const path = `/admin/events?kind=${kind}${page}`
  const { loaded } = useLoaded(() => call(path, { key: adminKey }), [path, adminKey])
  const choose = (asked: string): void => {
    setKind(EVENT_KINDS.find(([name]) => name === asked)?.[0] ?? 'orphan')
    setBefore(undefined)
  }
  return (
    <section aria-labelledby="events">
      <h2 id="events">At the Till</h2>
      <label class="field">
        Show
        <select value={kind} onChange={({ currentTarget }) => choose(currentTarget.value)}>
          {EVENT_KINDS.map(([name, label]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {loaded.state === 'there' && <Events told={loaded.value} onOlder={setBefore} />}
      {loaded.state === 'failed' && (
        <p class="problem" role="alert">
          {loaded.message}
        </p>
      )}
    </section>
  )
}

function Events(props: { readonly told: unknown; readonly onOlder: (before: string) => void }) {
  const { told, onOlder } = props
  const events = listMember(told, 'data')
  const next = textMember(told, 'next_before')
  if (events.length === 0) return <p class="empty">None.</p>
  return (
    <>
      <section class="scroll" tabIndex={0} aria-label="Transactions of the Till">
        <table>
          <thead>
            <tr>
              <th scope="col">Transaction</th>
              <th scope="col">Time</th>
              <th scope="col">From</th>
              <th scope="col">Why</th>
              <th scope="col" class="number">
                Amount
              </th>
            </tr>
          </thead>
          <tbody>
            {events.map((event) => (
              <EventRow key={textMember(event, 'lt')} event={event} />
            ))}
          </tbody>
        </table>
      </section>
      {next !== undefined && (
        <button type="button" class="quiet small" onClick={() => onOlder(next)}>
          Older
        </button>
      )}
    </>
  )
}

function EventRow({ event }: { readonly event: unknown }) {
  const sender = textMember(event, 'sender')
  const account = textMember(event, 'account')
  return (
    <tr>
      <th scope="row">
        <Id value={textMember(event, 'hash') ?? ''} />
      </th>
      <td>{utcTime(numberMember(event, 'at') ?? 0)}</td>
      <td>{sender === undefined ? '–' : <code title={sender}>{shortId(sender)}</code>}</td>
      <td>
        {textMember(event, 'reason')?.replaceAll('_', ' ') ?? '–'}
        {account !== undefined && <small>{shortId(account)}</small>}
      </td>
      <td class="number">
        <Amount value={amount(event, 'value')} />
      </td>
    </tr>
  )
}
