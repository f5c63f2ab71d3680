import { useState } from 'preact/hooks'
import { textMember } from '#base/members.ts'
import { EVENT_KINDS, eventsOf } from '../lib/account.ts'
import { call } from '../lib/gateway.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { ChainEvents } from '../parts/chain-events.tsx'

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

const COLUMNS = ['transaction', 'time', 'from', 'why'] as const

function Events(props: { readonly told: unknown; readonly onOlder: (before: string) => void }) {
  const { told, onOlder } = props
  const events = eventsOf(told)
  const next = textMember(told, 'next_before')
  if (events.length === 0) return <p class="empty">None.</p>
  return (
    <>
      <ChainEvents events={events} label="Transactions of the Till" columns={COLUMNS} />
      {next !== undefined && (
        <button type="button" class="quiet small" onClick={() => onOlder(next)}>
          Older
        </button>
      )}
    </>
  )
}
