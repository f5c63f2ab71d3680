import { numberMember, textMember } from '#base/members.ts'
import { accountOfKey, type ConnectOptions, createChequeBook } from '#client'
import { accountMode } from '#contracts/pure'
import { call } from './gateway.ts'
import { signedInKey } from './sign-in.ts'
import { findSpendKey, saveSpendKey, signedSoFar } from './spend-keys.ts'

/** Cheques of the signed-in account, when it is a sovereign one whose spend key this device holds. */
export async function openCheques(): Promise<Pick<ConnectOptions, 'cheques'>> {
  const account = accountOfKey(signedInKey())
  if (account === undefined || accountMode(account) !== 'sovereign') return {}
  const record = await findSpendKey(account)
  if (record === undefined) return {}
  const told = await call('/v1/till')
  const till = textMember(told, 'address')
  const feeBps = numberMember(told, 'commission_bps')
  if (till === undefined || feeBps === undefined) return {}
  const cheques = createChequeBook({
    owner: { id: account, mode: 'sovereign', spendSecret: record.key },
    till,
    feeBps,
    start: signedSoFar(record),
    save: (cumulative) => saveSpendKey({ ...record, signed: cumulative.toString() }),
  })
  return { cheques }
}
