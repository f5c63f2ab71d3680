import type { ComponentChildren } from 'preact'
import { shortId, utcTime } from '../../format.ts'
import { type ChainEvent, EVENT_KINDS } from '../lib/account.ts'
import { site } from '../lib/browser.ts'
import { Amount } from './amount.tsx'
import { Id } from './check-list.tsx'

const KINDS: ReadonlyMap<string, string> = new Map(EVENT_KINDS)

const COLUMNS = {
  what: ['What', ({ kind }) => KINDS.get(kind) ?? kind],
  transaction: ['Transaction', ({ hash }) => <Transaction hash={hash} />],
  time: ['Time', ({ at }) => <time>{utcTime(at)}</time>],
  from: ['From', ({ sender }) => (sender === undefined ? '–' : <Id value={sender} />)],
  why: [
    'Why',
    ({ reason, account }) => (
      <>
        {reason?.replaceAll('_', ' ') ?? '–'}
        {account !== undefined && <small>{shortId(account)}</small>}
      </>
    ),
  ],
} as const satisfies Readonly<
  Record<string, readonly [name: string, cell: (event: ChainEvent) => ComponentChildren]>
>

/** Transactions of the Till with their amounts. The first column names the row. */
export function ChainEvents(props: {
  readonly events: readonly ChainEvent[]
  readonly label: string
  readonly columns: readonly (keyof typeof COLUMNS)[]
}) {
  const { events, label, columns } = props
  const shown = columns.map((name) => COLUMNS[name])
  return (
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {shown.map(([name]) => (
              <th scope="col" key={name}>
                {name}
              </th>
            ))}
            <th scope="col" class="number">
              Amount
            </th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <tr key={event.lt}>
              {shown.map(([name, cell], i) =>
                i === 0 ? (
                  <th scope="row" key={name}>
                    {cell(event)}
                  </th>
                ) : (
                  <td key={name}>{cell(event)}</td>
                ),
              )}
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

/** A transaction on the chain; a local one has no explorer. */
export function Transaction({ hash }: { readonly hash: string }) {
  if (site.explorer === null) return <Id value={hash} />
  return (
    <a href={`${site.explorer}transaction/${hash}`} rel="noreferrer">
      <Id value={hash} />
    </a>
  )
}
