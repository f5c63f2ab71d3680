import { useState } from 'preact/hooks'
import { parseTon } from '#base/nano.ts'
import { readModels } from '../../read.ts'
import { site } from '../lib/browser.ts'
import { call, messageOf } from '../lib/gateway.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { Amount } from '../parts/amount.tsx'

/** What is on sale: offered at a base price, or withdrawn. What developers pay has the commission on top. */
export function Models({ adminKey }: { readonly adminKey: string }) {
  const { loaded, again } = useLoaded(async () => readModels(await call('/v1/models')), [])
  const [problem, setProblem] = useState('')
  const send = (work: Promise<unknown>): void => {
    setProblem('')
    work.then(again, (error: unknown) => setProblem(messageOf(error)))
  }
  const withdraw = (id: string): void =>
    send(call(`/admin/models/${id}`, { key: adminKey, method: 'DELETE' }))
  const models = loaded.state === 'there' ? loaded.value : []
  return (
    <section aria-labelledby="models">
      <h2 id="models">Models</h2>
      {models.length > 0 && (
        <section class="scroll" tabIndex={0} aria-label="Models">
          <table>
            <thead>
              <tr>
                <th scope="col">Model</th>
                <th scope="col" class="number">
                  Runners
                </th>
                <th scope="col" class="number">
                  Developers pay, input
                </th>
                <th scope="col" class="number">
                  Output
                </th>
                <th scope="col">
                  <span class="hidden">Withdraw</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {models.map((model) => (
                <tr key={model.id}>
                  <th scope="row">
                    <code>{model.id}</code>
                  </th>
                  <td class="number">{model.runners}</td>
                  <td class="number">
                    <Amount value={model.input} />
                  </td>
                  <td class="number">
                    <Amount value={model.output} />
                  </td>
                  <td class="number">
                    <button type="button" class="danger small" onClick={() => withdraw(model.id)}>
                      Withdraw
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <p class="problem" role="alert">
        {problem}
      </p>
      <details>
        <summary>Offer a model, or change its price</summary>
        <OfferForm
          onOffer={(id, body) =>
            send(call(`/admin/models/${id}`, { key: adminKey, method: 'PUT', body }))
          }
        />
      </details>
    </section>
  )
}

const PRICES = [
  ['input', 'Input'],
  ['cached', 'Cached input'],
  ['output', 'Output'],
] as const

function OfferForm({ onOffer }: { readonly onOffer: (id: string, body: unknown) => void }) {
  const [problem, setProblem] = useState('')
  return (
    <form
      class="card inline-form"
      onSubmit={(event) => {
        event.preventDefault()
        setProblem('')
        const data = new FormData(event.currentTarget)
        try {
          onOffer(String(data.get('id') ?? '').trim(), offerOf(data))
        } catch {
          setProblem('A price is an amount like 0.2.')
        }
      }}
    >
      <label class="field">
        Model id
        <input type="text" name="id" required autocomplete="off" spellcheck={false} />
      </label>
      {PRICES.map(([name, label]) => (
        <label class="field" key={name}>
          {label}, base price in {site.ticker} per million tokens
          <input type="text" inputMode="decimal" name={name} required />
        </label>
      ))}
      <p class="problem" role="alert">
        {problem}
      </p>
      <button type="submit">Offer it</button>
    </form>
  )
}

/** @throws RangeError */
function offerOf(data: FormData): unknown {
  const id = String(data.get('id') ?? '').trim()
  const prices = PRICES.map(([name]) => [
    name,
    parseTon(String(data.get(name) ?? '').trim()).toString(),
  ])
  return { name: id, demonstration: false, ...Object.fromEntries(prices) }
}
