import { REGISTRY_EXIT, TILL_EXIT } from '#contracts'

type ExitName = keyof typeof TILL_EXIT | keyof typeof REGISTRY_EXIT

/** What a contract's refusal means to whoever sent the message, and what to do about it. */
const REMEDIES: Readonly<Partial<Record<ExitName, string>>> = {
  BadSignature: 'the signature is not by the key that the Till honours: see cocoon till status',
  WrongTill: 'it was signed for another Till',
  NoAccount: 'the Till knows no such account: nothing was ever deposited',
  NotOwner: 'only the owner may do that: use the owner’s wallet or key',
  NotRevoker: 'only the owner or the guardian may revoke',
  StaleNonce: 'something else was ordered meanwhile: run the command again',
  TooEarly: 'its time has not come: see status',
  NothingDue: 'there is nothing to pay (any more)',
  NotAdmin: 'only the Till’s admin may do that: use its wallet',
  BadKey: 'that key is absent or already the meter key',
  Frozen: 'the Till is frozen: see status for when that ends',
  PayeesFull: 'the Till has its most payees: the operator must open another Till',
  NoExit: 'no exit is armed (or it lapsed): order one first',
  NotCollected: 'usage must be collected first: wait for the day’s cap or submit the cheque',
  FreezeTooSoon: 'between two freezes lie at least 24 hours',
  NoRotation: 'no rotation is announced',
  BadKind: 'the Registry knows no such kind',
  AlreadyLive: 'it is listed already',
  AlreadyRevoked: 'it is revoked already',
  NoProposal: 'nobody was proposed',
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries({ ...TILL_EXIT, ...REGISTRY_EXIT }).map(([name, code]) => [code, name]),
)

/** A compute phase's exit code for people. */
export function explainExit(code: number): string {
  const name = NAMES.get(code)
  if (name === undefined) return `exit code ${code}`
  // Sound: the map's names are the keys of both tables.
  const remedy = REMEDIES[name as ExitName]
  return `${name} (exit code ${code})${remedy === undefined ? '' : `: ${remedy}`}`
}
