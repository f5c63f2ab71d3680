import type { ComponentChildren } from 'preact'
import { shortId } from '../../format.ts'

export interface ShownCheck {
  readonly id: string
  readonly spec: string
  readonly status: 'pass' | 'fail' | 'skip'
  readonly reason?: string
  readonly detail?: string
  readonly remedy?: string
}

const WORDS = { pass: 'Passed', fail: 'Failed', skip: 'Skipped' } as const

/** Every check by name. What was skipped is not shown as passed, and says why. */
export function CheckList({ checks }: { readonly checks: readonly ShownCheck[] }) {
  const count = (status: ShownCheck['status']) =>
    checks.filter((check) => check.status === status).length
  const ordered = [...checks].sort((a, b) => ORDER[a.status] - ORDER[b.status])
  return (
    <details class="checks">
      <summary>
        {count('pass')} of {checks.length} checks passed
        {count('fail') > 0 && <>, {count('fail')} failed</>}
        {count('skip') > 0 && <>, {count('skip')} skipped</>}
      </summary>
      <ul>
        {ordered.map((check) => (
          <li key={check.id} class={check.status}>
            <span class="hidden">{WORDS[check.status]}: </span>
            <code>{check.id}</code>
            <small>{check.reason ?? check.detail ?? check.spec}</small>
            {check.remedy !== undefined && <small>{check.remedy}</small>}
          </li>
        ))}
      </ul>
    </details>
  )
}

const ORDER = { fail: 0, skip: 1, pass: 2 } as const

/** A fact by name. */
export function Fact({
  name,
  children,
}: {
  readonly name: string
  readonly children: ComponentChildren
}) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  )
}

/** A long id, short for the eye and whole for whoever points at it. */
export function Id({ value }: { readonly value: string }) {
  return <code title={value}>{shortId(value)}</code>
}
