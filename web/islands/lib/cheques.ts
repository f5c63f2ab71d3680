import { numberMember, textMember } from '#base/members.ts'
import { nano } from '#base/nano.ts'
import { accountOfKey, type ConnectOptions, createChequeBook } from '#client'
import { accountMode } from '#contracts/pure'
import { call } from './gateway.ts'
import { signedInKey } from './sign-in.ts'
import { amountsOf, findSpendKey, type SpendRecord, saveSpendKey } from './spend-keys.ts'

/**
 * Cheques of the signed-in account, when it is a sovereign one whose spend key this device holds. What receipts add up to is
 * kept with the key: a page that is left owes it all the same.
 */
export async function openCheques(): Promise<Pick<ConnectOptions, 'cheques' | 'onReceipt'>> {
  const account = accountOfKey(signedInKey())
  if (account === undefined || accountMode(account) !== 'sovereign') return {}
  let record = await findSpendKey(account)
  if (record === undefined) return {}
  const told = await call('/v1/till')
  const till = textMember(told, 'address')
  const feeBps = numberMember(told, 'commission_bps')
  if (till === undefined || feeBps === undefined) return {}
  const note = async (change: Partial<Pick<SpendRecord, 'signed' | 'owed'>>): Promise<void> => {
    if (record === undefined) return
    record = { ...record, ...change }
    await saveSpendKey(record)
  }
  const { signed, owed } = amountsOf(record)
  const cheques = createChequeBook({
    owner: { id: account, mode: 'sovereign', spendSecret: record.key },
    till,
    feeBps,
    start: signed,
    save: (cumulative) => note({ signed: cumulative.toString() }),
  })
  cheques.owe(nano(owed - signed))
  return { cheques, onReceipt: () => void note({ owed: cheques.cumulative.toString() }) }
}
