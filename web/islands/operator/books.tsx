import { useEffect, useState } from 'preact/hooks'
import { counted } from '../../format.ts'
import { type Audit, auditAll } from '../lib/audit.ts'
import { messageOf } from '../lib/gateway.ts'
import { Amount } from '../parts/amount.tsx'

const FIGURES = [
  ['available', 'Accounts, available'],
  ['held', 'Accounts, held'],
  ['hosts', 'Owed to hosts'],
  ['fees', 'Fees'],
] as const

/** The books, re-derived now, page by page. */
export function Books({ adminKey }: { readonly adminKey: string }) {
  const [audit, setAudit] = useState<Audit>()
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const run = (): void => {
    setBusy(true)
    setProblem('')
    auditAll(adminKey, setAudit)
      .catch((error: unknown) => setProblem(messageOf(error)))
      .finally(() => setBusy(false))
  }
  useEffect(run, [adminKey])
  return (
    <section aria-labelledby="books">
      <h2 id="books">Books</h2>
      {audit !== undefined && (
        <>
          <div class="cards">
            {FIGURES.map(([name, label]) => (
              <div class="card" key={name}>
                <small>{label}</small>
                <span class="figure">
                  <Amount value={audit.amounts[name]} />
                </span>
              </div>
            ))}
          </div>
          <p class={`notice ${toneOf(audit)}`} role="status">
            {verdictOf(audit)}{' '}
            <button type="button" class="link" onClick={run} disabled={isBusy}>
              {isBusy ? 'Auditing…' : 'Audit again'}
            </button>
          </p>
        </>
      )}
      <p class="problem" role="alert">
        {problem}
      </p>
    </section>
  )
}

function toneOf({ broken, isWhole }: Audit): string {
  if (broken.length > 0) return 'bad'
  return isWhole ? 'good' : ''
}

function verdictOf({ broken, accounts, isWhole }: Audit): string {
  if (broken.length > 0) return `Broken: ${broken.join('; ')}`
  const all = counted(accounts, 'account')
  return isWhole
    ? `Every balance of ${all} follows from its postings.`
    : `${all} audited so far, none broken.`
}
