import { nano } from '#base/nano.ts'
import { grouped } from '../../format.ts'
import { Amount } from '../parts/amount.tsx'
import { Id } from '../parts/check-list.tsx'
import type { Turn } from './turn.ts'

export function TurnView({ turn }: { readonly turn: Turn }) {
  const { question, answer, state, problem } = turn
  return (
    <article class="turn">
      <p class="question">{question}</p>
      {state === 'waiting' && (
        <p class="answer waiting" role="status">
          Sealed and sent…
        </p>
      )}
      {answer !== '' && <div class="answer">{answer}</div>}
      {state === 'stopped' && (
        <p class="facts-line">Stopped. What was produced is billed by its receipt.</p>
      )}
      {state === 'failed' && (
        <div class="notice bad" role="alert">
          <p>{PROBLEMS.get(turn.code ?? '') ?? problem}</p>
          <Remedy code={turn.code ?? ''} />
        </div>
      )}
      <ReceiptLine turn={turn} />
    </article>
  )
}

/** Where the page has better words than the client, which names statuses and links. */
const PROBLEMS: ReadonlyMap<string, string> = new Map([
  ['insufficient_credits', 'The account holds too little for this request.'],
  ['invalid_api_key', 'The gateway does not know this API key.'],
])

function Remedy({ code }: { readonly code: string }) {
  if (code === 'insufficient_credits') {
    return (
      <p>
        <a href="/top-up">Top up</a>
      </p>
    )
  }
  if (code === 'usage_unsettled' || code === 'cheque_due') {
    return (
      <p>
        If it stays so, see on the <a href="/dashboard">account page</a> what was spent elsewhere.
      </p>
    )
  }
  if (code === 'invalid_api_key') {
    return (
      <p>
        <a href="/dashboard">Sign in with another key</a>
      </p>
    )
  }
  return null
}

const LABELS: ReadonlyMap<string, string> = new Map([
  ['verified', 'Verified'],
  ['simulated', 'Simulated'],
])

/** What it cost and who answered, by the receipt that ended the sealed answer. */
function ReceiptLine({ turn }: { readonly turn: Turn }) {
  const { receipt, label = '' } = turn
  if (receipt === undefined) return null
  const { usage, cost, id, runner, sessionId } = receipt
  return (
    <p class="facts-line">
      <span class={`badge ${LABELS.has(label) ? label : 'unknown'}`}>
        {LABELS.get(label) ?? 'Not verified'}
      </span>{' '}
      <span>
        <Amount value={nano(cost)} />, {grouped(usage.prompt_tokens)} +{' '}
        {grouped(usage.completion_tokens)} tokens
      </span>{' '}
      <span>
        sealed to{' '}
        <a href={`/trust/sessions/${sessionId}`}>
          <Id value={runner} />
        </a>
      </span>{' '}
      <span>
        receipt{' '}
        <a href={`/trust?receipt=${id}#receipt`}>
          <Id value={id} />
        </a>{' '}
        checked
      </span>
    </p>
  )
}
