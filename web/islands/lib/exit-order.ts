import { base64, base64url } from '#base/bytes.ts'
import { signExitOrder } from '#client'
import { friendlyAddress, parseAddress, plainExitBody, TILL_VALUE, writeBoc } from '#contracts/pure'
import { readTillAccount } from './chain.ts'
import { openRecoveryText } from './new-account.ts'

export interface ExitMessage {
  readonly account: string
  /** NanoTON on chain, before what is charged until then. */
  readonly available: bigint
  /** What a wallet opens: it sends the signed order to the Till with a little for gas. */
  readonly link: string
  /** The same for a faucet. */
  readonly body: string
  readonly value: bigint
  readonly till: string
}

/**
 * An exit, signed here by the recovery file: any wallet can send it, and the gateway is not asked.
 * @throws RangeError, ContractError or Error, each with a message for a person
 */
export async function prepareExit(given: {
  readonly recovery: string
  readonly till: string
  readonly to: string
}): Promise<ExitMessage> {
  const { till } = given
  const owner = await openRecoveryText(given.recovery)
  const { raw: to } = parseAddress(given.to)
  if (!to.startsWith('0:')) throw new RangeError('Wallets live in workchain 0.')
  if (to === till) throw new RangeError('That is the Till itself: the money would be lost.')
  const { nonce, available, exitAt } = await readTillAccount(till, owner.id)
  if (exitAt !== 0) throw new RangeError('An exit of this account is ordered already.')
  if (available === 0n) throw new RangeError('The account holds nothing on chain.')
  const { order, signature } = await signExitOrder(owner, { till, to, nonce })
  const boc = writeBoc(plainExitBody(order, owner.keys, signature))
  const value = TILL_VALUE.exitRequest
  const link = `ton://transfer/${friendlyAddress(till)}?amount=${value}&bin=${base64url(boc)}`
  return { account: owner.id, available, link, body: base64(boc), value, till }
}
