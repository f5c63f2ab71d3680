import { useState } from 'preact/hooks'
import { formatTon } from '#base/nano.ts'
import { utcTime } from '../../format.ts'
import { type ApiKey, readKeys } from '../lib/account.ts'
import { clock, site } from '../lib/browser.ts'
import { call, messageOf } from '../lib/gateway.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { KeyOnce } from '../parts/key-once.tsx'
import { NewKey } from './new-key.tsx'

export function Keys({ apiKey }: { readonly apiKey: string }) {
  const { loaded, again } = useLoaded(() => readKeys(apiKey), [apiKey])
  const [made, setMade] = useState<string>()
  const [problem, setProblem] = useState('')
  const revoke = (id: string): void => {
    call(`/v1/keys/${id}`, { key: apiKey, method: 'DELETE' }).then(again, (error: unknown) =>
      setProblem(messageOf(error)),
    )
  }
  const keys = loaded.state === 'there' ? loaded.value : []
  return (
    <section aria-labelledby="keys">
      <h2 id="keys">API keys</h2>
      {keys.length > 0 && (
        <section class="scroll" tabIndex={0} aria-label="API keys">
          <table>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Key</th>
                <th scope="col">Made</th>
                <th scope="col">May be used</th>
                <th scope="col">
                  <span class="hidden">Revoke</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {keys.map((key) => (
                <KeyRow key={key.id} apiKey={key} onRevoke={() => revoke(key.id)} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      <p class="problem" role="alert">
        {loaded.state === 'failed' ? loaded.message : problem}
      </p>
      {made === undefined ? (
        <NewKey
          apiKey={apiKey}
          onMade={(key) => {
            setMade(key)
            again()
          }}
        />
      ) : (
        <div class="card">
          <KeyOnce apiKey={made} onGoOn={() => setMade(undefined)} />
        </div>
      )}
    </section>
  )
}

function KeyRow({ apiKey, onRevoke }: { readonly apiKey: ApiKey; readonly onRevoke: () => void }) {
  const { name, masked, createdAt, revokedAt } = apiKey
  const [isAsked, setAsked] = useState(false)
  return (
    <tr>
      <th scope="row" class="name">
        {name === '' ? 'Unnamed' : name}
      </th>
      <td>
        <code>{masked}</code>
      </td>
      <td class="when">{utcTime(createdAt)}</td>
      <td>{stateOf(apiKey)}</td>
      <td class="number">
        {revokedAt === null && (
          <button
            type="button"
            class="danger small"
            onClick={() => (isAsked ? onRevoke() : setAsked(true))}
            onBlur={() => setAsked(false)}
          >
            {isAsked ? 'Really revoke' : 'Revoke'}
          </button>
        )}
      </td>
    </tr>
  )
}

function stateOf(key: ApiKey): string {
  const { sealedOnly, expiresAt, revokedAt } = key
  if (revokedAt !== null) return `No: revoked ${utcTime(revokedAt)}`
  if (expiresAt !== null && expiresAt * 1000 <= clock()) return `No: expired ${utcTime(expiresAt)}`
  const { dailyBudget, requestsPerMinute, role } = key
  const parts = [
    sealedOnly ? 'For sealed requests' : 'For any request',
    ...(role === 'admin' ? ['manages keys'] : []),
    ...(dailyBudget === undefined ? [] : [`${formatTon(dailyBudget)} ${site.ticker} a day`]),
    ...(requestsPerMinute === undefined ? [] : [`${requestsPerMinute} requests a minute`]),
    ...(expiresAt === null ? [] : [`until ${utcTime(expiresAt)}`]),
  ]
  return parts.join(', ')
}
