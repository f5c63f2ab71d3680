import { numberMember, textMember } from '#base/members.ts'
import { type Nano, nano } from '#base/nano.ts'
import { amount, texts } from '../../read.ts'
import { call } from './gateway.ts'

const AMOUNTS = ['available', 'held', 'hosts', 'fees'] as const

/** The books of the whole gateway, re-derived: the sum of every page. */
export interface Audit {
  readonly accounts: number
  readonly amounts: Readonly<Record<(typeof AMOUNTS)[number], Nano>>
  readonly broken: readonly string[]
  /** Whether there are pages still to come. */
  readonly isWhole: boolean
}

const NONE: Audit = {
  accounts: 0,
  amounts: { available: nano(0n), held: nano(0n), hosts: nano(0n), fees: nano(0n) },
  broken: [],
  isWhole: false,
}

/** Audits page by page, since books in many stores are told in many. @param show what is added up so far */
export async function auditAll(adminKey: string, show: (audit: Audit) => void): Promise<Audit> {
  let audit = NONE
  let after: string | undefined
  do {
    const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`
    const page = await call(`/admin/audit${query}`, { key: adminKey })
    after = textMember(page, 'next')
    audit = added(audit, page, after === undefined)
    show(audit)
  } while (after !== undefined)
  return audit
}

function added(audit: Audit, page: unknown, isWhole: boolean): Audit {
  const sum = (name: (typeof AMOUNTS)[number]): Nano =>
    nano(audit.amounts[name] + amount(page, name))
  return {
    accounts: audit.accounts + (numberMember(page, 'accounts') ?? 0),
    amounts: {
      available: sum('available'),
      held: sum('held'),
      hosts: sum('hosts'),
      fees: sum('fees'),
    },
    broken: [...audit.broken, ...texts(page, 'broken')],
    isWhole,
  }
}
