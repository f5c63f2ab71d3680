import { type Bytes, hex } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
import { chequeBits, signBits, webSha256 } from '#contracts/pure'
import { type AccountOwner, signWith } from '../account-owner.ts'
import { ClientError } from '../errors.ts'

/** The body of `POST /v1/account/cheques`. */
export interface SignedCheque {
  /** Raw address. */
  readonly till: string
  readonly account: string
  readonly fee_bps: number
  /** Decimal nanoTON: all that the account ever agreed to pay. */
  readonly cumulative: string
  readonly signature: string
}

/** Who signs cheques: an account with its spend key, which may be one that its holder cannot read out. */
export interface Spender extends Pick<AccountOwner, 'id' | 'mode'> {
  readonly spendSecret: Bytes | CryptoKey
}

/** Signs what a sovereign account owes, and not a nano more than its own receipts say. */
export interface ChequeBook {
  /** Notes the cost of a receipt that was verified. */
  owe(cost: Nano): void
  /** What was agreed to, with what is owed now. */
  readonly cumulative: Nano
  /** A cheque over everything owed; undefined when all of it is signed already. */
  sign(): Promise<SignedCheque | undefined>
  /** Notes that the last cheque was taken. */
  accepted(cheque: SignedCheque): Promise<void>
}

/**
 * @param options.start cumulative amount of the last cheque of an earlier run. It must come from the owner's own
 * records: a gateway could name too much
 * @param options.save keeps the amount for the next run
 */
export function createChequeBook(options: {
  readonly owner: Spender
  /** Raw address, pinned by the release or given by the user. */
  readonly till: string
  /** The Till's fee share in basis points, at most what the owner accepts. */
  readonly feeBps: number
  readonly start: Nano
  readonly save: (cumulative: Nano) => Promise<void>
}): ChequeBook {
  const { owner, till, feeBps, save } = options
  if (owner.mode !== 'sovereign') {
    throw new ClientError('bad_option', 'Only a sovereign account signs cheques')
  }
  let owed = options.start
  let signed = options.start
  return {
    owe: (cost) => {
      owed = nano(owed + cost)
    },
    get cumulative() {
      return owed
    },
    sign: async () =>
      owed > signed ? signCheque({ owner, till, feeBps, cumulative: owed }) : undefined,
    accepted: async ({ cumulative }) => {
      signed = nano(BigInt(cumulative))
      await save(signed)
    },
  }
}

/** Signs by the owner's spend key; the signature commits to the Till, so that no other contract takes it. */
export async function signCheque(cheque: {
  readonly owner: Spender
  readonly till: string
  readonly feeBps: number
  readonly cumulative: Nano
}): Promise<SignedCheque> {
  const { owner, till, feeBps, cumulative } = cheque
  const bits = chequeBits({ till, account: owner.id, feeBps, cumulative })
  const signature = await signBits(bits, (hash) => signWith(owner.spendSecret, hash), webSha256)
  return {
    till,
    account: owner.id,
    fee_bps: feeBps,
    cumulative: cumulative.toString(),
    signature: hex(signature),
  }
}
