import type { Guard } from './guard.ts'

export const GUARDS_OF_TILL: readonly Guard[] = [
  {
    name: 'the Till: a charge collects once',
    broken: {
      breakTill: (state, before) => {
        let taken = 0n
        const accounts = new Map(state.accounts)
        for (const [id, account] of state.accounts) {
          const grown = account.debit - (before.accounts.get(id)?.debit ?? 0n)
          const left = account.credit - account.debit - account.paidOut
          const again = grown < left ? grown : left
          if (again <= 0n) continue
          accounts.set(id, { ...account, debit: account.debit + again })
          taken += again
        }
        return { ...state, accounts, owed: state.owed - taken, pool: state.pool + taken }
      },
    },
  },
  {
    name: 'the Till: a voucher pays once',
    broken: {
      breakTill: (state, before) => {
        const payees = new Map(state.payees)
        for (const [payee, paid] of state.payees) {
          const grown = paid - (before.payees.get(payee) ?? 0n)
          if (grown > 0n) payees.set(payee, paid - grown)
        }
        return { ...state, payees }
      },
    },
  },
]
