import type { Receipt } from '#protocol'
import { ApiError } from '../errors.ts'
import type { Caller } from '../http/caller.ts'
import type { RelayedRequest, RelayedRequests } from '../receipts/relayed-requests.ts'
import type { SelfAttestor } from './self-attestor.ts'

/**
 * Signs this gateway's own receipt of a request that it relayed, when somebody asks for it.
 * @throws ApiError `gateway_not_attested`, `not_found`
 */
export type SignOwnReceipt = (reader: Caller, receiptId: string) => Receipt

/** @param self undefined: this gateway shows no evidence that could vouch for its signature */
export function createOwnReceipts(
  self: Pick<SelfAttestor, 'isAttested' | 'sign'> | undefined,
  relayed: RelayedRequests | undefined,
): SignOwnReceipt {
  return (reader, receiptId) => {
    if (self === undefined || relayed === undefined || !self.isAttested()) {
      throw new ApiError(
        'gateway_not_attested',
        'This gateway is not attested, so it signs no receipts of its own: ask without ?by=gateway for the runner’s',
      )
    }
    const request = relayed.find(receiptId)
    if (request === undefined || !mayRead(reader, request)) {
      throw new ApiError(
        'not_found',
        'No such receipt: the process that relayed a request keeps it for an hour',
      )
    }
    return self.sign(unsigned(request))
  }
}

/**
 * The key that made the request, or an admin of its account: the hash of a short prompt can be guessed.
 * @see aci/1, section 7.6
 */
function mayRead(reader: Caller, { account, key }: RelayedRequest): boolean {
  return reader.account === account && (reader.isAdmin || reader.key === key)
}

/** @see SPEC.md section 8.6; aci/1, sections 7.3 to 7.5 */
function unsigned(request: RelayedRequest): Parameters<SelfAttestor['sign']>[0] {
  const { receiptId, endpoint, model, session, received, forwarded, returned, servedAt } = request
  return {
    receipt_id: receiptId,
    // The answer's own id may be sealed, and is read in no case.
    chat_id: null,
    model,
    endpoint,
    served_at: servedAt,
    event_log: [
      { type: 'request.received', body_hash: received },
      { type: 'request.forwarded', body_hash: forwarded },
      // Required always: nothing is ever sent to a machine that was not verified.
      {
        type: 'upstream.verified',
        model_id: model,
        required: true,
        result: 'verified',
        session_id: session,
      },
      { type: 'response.returned', body_hash: returned },
    ],
  }
}
