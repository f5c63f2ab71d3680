import { member, textMember } from '#base/members.ts'
import { webSha256 } from '#contracts/pure'
import { parseReservesProof, verifyReservesProof } from '#protocol'
import { readAccount } from './account.ts'
import { call } from './gateway.ts'

/**
 * Whether this account's balance is in the sum that the gateway tells everybody.
 * @returns what is wrong, or undefined
 */
export async function checkReserves(key: string): Promise<string | undefined> {
  // The account twice: its balance may have moved while the proof was made.
  const before = await readAccount(key)
  const proof = parseReservesProof(await call('/v1/account/reserves', { key }), 'reserves')
  const told = member(await call('/v1/till'), 'reserves')
  const after = await readAccount(key)
  if (proof.account !== before.id) return 'The proof is of another account.'
  const balances = [before, after].map(({ available, held }) => BigInt(available + held))
  if (!balances.includes(BigInt(proof.balance))) {
    return 'The proof says another balance than your account: check again, or dispute it.'
  }
  if (!(await verifyReservesProof(proof, webSha256))) return 'The path does not lead to its root.'
  return textMember(told, 'root') === proof.root
    ? undefined
    : 'Everybody is shown another root at this moment: check again, or dispute it.'
}
