import type { AccountId } from '../db/ids.ts'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AccountState } from '../ledger/port.ts'

/** @throws ApiError `account_not_found` */
export async function readAccount(deps: FrontDeps, id: AccountId): Promise<AccountState> {
  const [read] = await deps.inference.ledger.commit([{ op: 'read_account', account: id }])
  if (!read.ok) throw new ApiError('account_not_found', 'No such account')
  return read.account
}
