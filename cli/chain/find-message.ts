import type { CommonMessageInfoInternal, Message, Transaction } from '@ton/core'
import type { TonAddress } from '#gateway/db/ids.ts'
import type { Target } from './target.ts'

/** Transactions of a contract to look through: what one call answers. */
const LOOK_BACK = 99

export interface InternalMessage extends Message {
  readonly info: CommonMessageInfoInternal
}

/** A contract's transactions after `since`, a logical time: what came before somebody looked is not what he waits for. */
export interface Where {
  readonly to: TonAddress
  readonly since: bigint
}

/** The newest transaction there whose message is the one that is looked for. */
export async function findMessage(
  { chain }: Pick<Target, 'chain'>,
  { to, since }: Where,
  isIt: (message: InternalMessage) => boolean,
): Promise<Transaction | undefined> {
  const { last } = await chain.head(to)
  if (last === null || last.lt <= since) return undefined
  const history = await chain.transactions(to, last, LOOK_BACK)
  return history.find(({ id, transaction: { inMessage } }) => {
    if (id.lt <= since || inMessage?.info.type !== 'internal') return false
    return isIt({ ...inMessage, info: inMessage.info })
  })?.transaction
}

/** The logical time of a contract's newest transaction: from there on is what is still to come. */
export async function newestOf({ chain }: Pick<Target, 'chain'>, to: TonAddress): Promise<Where> {
  return { to, since: (await chain.head(to)).last?.lt ?? 0n }
}
