import { useState } from 'preact/hooks'
import { formatTon } from '#base/nano.ts'
import { counted, grouped, shortId, utcTime } from '../../format.ts'
import {
  type ApiKey,
  readDailySums,
  readKeys,
  readUsage,
  type UsagePage,
  type UsedRequest,
} from '../lib/account.ts'
import { site } from '../lib/browser.ts'
import { download } from '../lib/download.ts'
import { messageOf } from '../lib/gateway.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { Amount } from '../parts/amount.tsx'
import { CostChart } from './cost-chart.tsx'
import { usageCsv } from './usage-csv.ts'

/** The charts and the file look back this far: a hundred requests a page. */
const MAX_PAGES = 10

/** What was asked, what it cost, and by which key. */
export function Usage({ apiKey }: { readonly apiKey: string }) {
  const { loaded } = useLoaded(() => readPages(apiKey, 1), [apiKey])
  const sums = useLoaded(() => readDailySums(apiKey), [apiKey]).loaded
  const keys = useLoaded(() => readKeys(apiKey), [apiKey]).loaded
  const [all, setAll] = useState<UsagePage>()
  const [problem, setProblem] = useState('')
  const page = all ?? (loaded.state === 'there' ? loaded.value : undefined)
  const more = (): void => {
    readPages(apiKey, MAX_PAGES).then(setAll, (error: unknown) => setProblem(messageOf(error)))
  }
  const nameOf = keyNames(keys.state === 'there' ? keys.value : [])
  return (
    <section aria-labelledby="usage">
      <h2 id="usage">Usage</h2>
      {page !== undefined && page.requests.length === 0 && (
        <p class="empty">
          Nothing yet. <a href="/chat">Ask something</a>, and it stands here with its receipt.
        </p>
      )}
      {page !== undefined && page.requests.length > 0 && (
        <>
          {sums.state === 'there' && <CostChart sums={sums.value} nameOfKey={nameOf} />}
          <p class="note">
            {page.next === null ? 'In all ' : 'The last '}
            {counted(page.requests.length, 'request')}.
          </p>
          <Requests requests={page.requests} nameOfKey={nameOf} />
          <p class="actions">
            {page.next !== null && all === undefined && (
              <button type="button" class="quiet small" onClick={more}>
                Look further back
              </button>
            )}
            <button
              type="button"
              class="quiet small"
              onClick={() =>
                download('cocoon-usage.csv', usageCsv(page.requests, nameOf), 'text/csv')
              }
            >
              Download as CSV
            </button>
          </p>
        </>
      )}
      <p class="problem" role="alert">
        {loaded.state === 'failed' ? loaded.message : problem}
      </p>
    </section>
  )
}

async function readPages(apiKey: string, most: number): Promise<UsagePage> {
  const requests: UsedRequest[] = []
  let next: number | null = null
  for (let i = 0; i < most; i++) {
    const page = await readUsage(apiKey, next)
    requests.push(...page.requests)
    next = page.next
    if (next === null) break
  }
  return { requests, next }
}

function keyNames(keys: readonly ApiKey[]): (id: string) => string {
  const names = new Map(keys.map(({ id, name, masked }) => [id, name === '' ? masked : name]))
  return (id) => names.get(id) ?? shortId(id)
}

const SHOWN = 20

function Requests(props: {
  readonly requests: readonly UsedRequest[]
  readonly nameOfKey: (id: string) => string
}) {
  const { requests, nameOfKey } = props
  return (
    <section class="scroll" tabIndex={0} aria-label="Requests">
      <table>
        <thead>
          <tr>
            <th scope="col">Receipt</th>
            <th scope="col">Time</th>
            <th scope="col">Model</th>
            <th scope="col">Key</th>
            <th scope="col" class="number">
              Tokens in, out
            </th>
            <th scope="col" class="number">
              Cost
            </th>
          </tr>
        </thead>
        <tbody>
          {requests.slice(0, SHOWN).map((request) => (
            <tr key={request.id}>
              <th scope="row">
                <a href={`/trust?receipt=${request.id}#receipt`}>
                  <code>{shortId(request.id)}</code>
                </a>
              </th>
              <td class="when">{utcTime(request.at)}</td>
              <td>
                <code>{request.model}</code>
              </td>
              <td>{nameOfKey(request.key)}</td>
              <td class="number">
                {grouped(request.prompt)}, {grouped(request.completion)}
              </td>
              <td class="number" title={`${formatTon(request.cost)} ${site.ticker}`}>
                <Amount value={request.cost} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
