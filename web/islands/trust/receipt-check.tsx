import { useEffect, useState } from 'preact/hooks'
import { utcTime } from '../../format.ts'
import { call, messageOf } from '../lib/gateway.ts'
import type { JudgedReceipt } from '../lib/judging.ts'
import { signedInKey } from '../lib/sign-in.ts'
import { CheckList, Fact, Id } from '../parts/check-list.tsx'

const RECEIPT_ID = /^req_[0-9a-f]{32}(?:\.[0-9]{1,3})?$/

/** Checks a receipt by its document, or by its id for the account that is signed in. */
export function ReceiptCheck({ asked }: { readonly asked: string | undefined }) {
  const [judged, setJudged] = useState<JudgedReceipt>()
  const [problem, setProblem] = useState('')
  const check = (text: string): void => {
    setJudged(undefined)
    setProblem('')
    judge(text.trim()).then(setJudged, (error: unknown) => setProblem(messageOf(error)))
  }
  useEffect(() => {
    if (asked !== undefined && signedInKey() !== undefined) check(asked)
  }, [asked])
  return (
    <>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          check(String(new FormData(event.currentTarget).get('receipt') ?? ''))
        }}
      >
        <label class="field">
          Receipt
          <textarea
            name="receipt"
            class="mono"
            rows={4}
            required
            spellcheck={false}
            defaultValue={asked ?? ''}
            placeholder="req_… or the JSON document"
          />
        </label>
        <button type="submit">Check it</button>
      </form>
      <div role="status">
        {problem !== '' && <p class="notice bad">{problem}</p>}
        {judged !== undefined && <Judged judged={judged} />}
      </div>
    </>
  )
}

async function judge(text: string): Promise<JudgedReceipt> {
  const { judgeReceipt } = await import('../lib/judging.ts')
  if (!RECEIPT_ID.test(text)) return judgeReceipt(parsed(text))
  const key = signedInKey()
  if (key === undefined)
    throw new Error('Sign in to get a receipt by its id, or paste its document.')
  return judgeReceipt(await call(`/v1/aci/receipts/${text}`, { key }))
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    throw new Error('This is neither a receipt id nor a JSON document.')
  }
}

function Judged({ judged: { receipt, session, checks } }: { readonly judged: JudgedReceipt }) {
  const isGood = checks.every(({ status }) => status !== 'fail')
  return (
    <div class={`notice ${isGood ? 'good' : 'bad'}`} id="receipt-verdict">
      <p>
        <strong>
          {isGood
            ? 'Signed by a key that was attested, and its numbers agree.'
            : 'This receipt does not hold.'}
        </strong>
      </p>
      <dl class="facts">
        <Fact name="Receipt">
          <Id value={receipt.receipt_id} />
        </Fact>
        <Fact name="Served">
          {receipt.model}, {utcTime(receipt.served_at)}
        </Fact>
        <Fact name="Session">
          <a href={`/trust/sessions/${session}`}>
            <Id value={session} />
          </a>
        </Fact>
      </dl>
      <CheckList checks={checks} />
    </div>
  )
}
