import { fromHex } from '#base/bytes.ts'
import {
  type AccountKeys,
  accountKeysFromJson,
  type BitCell,
  verifyBits,
  webSha256,
} from '#contracts/pure'
import type { AccountId } from '../db/ids.ts'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'

const SIGNERS = { ownerKey: 'owner key', spendKey: 'spend key' } as const

/** By a key that the account id commits to. An absent key never verifies (C1). @throws ApiError */
export async function requireAccountSignature(
  { accounts, inference }: FrontDeps,
  account: AccountId,
  signed: {
    readonly by: keyof typeof SIGNERS & keyof AccountKeys
    readonly cell: BitCell
    /** Lower-case hex. */
    readonly signature: string
  },
): Promise<void> {
  const [read] = await inference.ledger.commit([{ op: 'read_account', account }])
  const keys = read.ok ? read.account.keys : null
  const publicKey = keys === null ? null : accountKeysFromJson(JSON.parse(keys))[signed.by]
  const { verify } = accounts
  const valid =
    publicKey !== null &&
    (await verifyBits(
      { cell: signed.cell, signature: fromHex(signed.signature), publicKey },
      { sha256: webSha256, verify: async (key, bytes, mark) => verify(key, bytes, mark) },
    ))
  if (!valid) {
    throw new ApiError('signature_invalid', `The account’s ${SIGNERS[signed.by]} did not sign this`)
  }
}
