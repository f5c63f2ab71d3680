import { numberMember } from '#base/members.ts'
import { amount, texts } from '../../read.ts'
import { Amount } from '../parts/amount.tsx'

const FIGURES = [
  ['available', 'Accounts, available'],
  ['held', 'Accounts, held'],
  ['hosts', 'Owed to hosts'],
  ['fees', 'Fees'],
] as const

/** The books, re-derived now. */
export function Books({
  audit,
  onAgain,
}: {
  readonly audit: unknown
  readonly onAgain: () => void
}) {
  const broken = texts(audit, 'broken')
  return (
    <section aria-labelledby="books">
      <h2 id="books">Books</h2>
      <div class="cards">
        {FIGURES.map(([name, label]) => (
          <div class="card" key={name}>
            <small>{label}</small>
            <span class="figure">
              <Amount value={amount(audit, name)} />
            </span>
          </div>
        ))}
      </div>
      <p class={`notice ${broken.length === 0 ? 'good' : 'bad'}`} role="status">
        {broken.length === 0
          ? `Every balance of ${numberMember(audit, 'accounts') ?? 0} accounts follows from its postings.`
          : `Broken: ${broken.join('; ')}`}{' '}
        <button type="button" class="link" onClick={onAgain}>
          Audit again
        </button>
      </p>
    </section>
  )
}
