import { type Clock, toSeconds } from '#base/brand.ts'
import type { Json } from '#base/jcs.ts'
import {
  type Keyset,
  ProtocolError,
  parseReceipt,
  parseReceiptBatch,
  type Receipt,
  receiptEvent,
  type Signer,
  signRefusal,
  verifyReceipt,
} from '#protocol'
import { type AccountId, type RunnerId, requestId, runnerId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import type { AccountRefs } from '../inference/account-ref.ts'
import { codeOf, type Log } from '../log.ts'
import type { KeysetOf } from './keyset-of.ts'
import type { PendingSettlements } from './pending.ts'
import { type ReceiptRefusal, type SettleDeps, settleReceipt } from './settle-receipt.ts'

export interface DeliverDeps extends SettleDeps {
  readonly refs: AccountRefs
  readonly keysetOf: KeysetOf
  /** The same of a lease that is at hand: it costs no look-up. */
  readonly leasedKeyset: (runner: RunnerId, digest: string) => Keyset | undefined
  readonly pending: PendingSettlements
  /** A runner signed what is not true. */
  readonly noteLie: (runner: RunnerId) => void
  /** Signs refusals (H20); undefined while this gateway has no meter key. */
  readonly signer: Signer | undefined
  readonly gatewayName: string
  readonly clock: Clock
  readonly log: Log
}

/**
 * `ref_unknown`: its reference is not this gateway's or of another request.
 * `keyset_unknown`: no attested session of this runner had that keyset. The others as in settle-receipt.ts.
 */
type Refused = ReceiptRefusal | 'ref_unknown' | 'keyset_unknown'

/** What a runner is told of one receipt. Without a result it keeps the receipt and tries again later. */
export type ItemResult = { readonly [member: string]: Json }

/**
 * Takes receipts out of a runner's outbox: each is settled once however often it comes. Nobody is authenticated
 * here: a receipt proves itself, by its signature and its reference.
 * @throws ApiError `invalid_request` for a malformed batch
 */
export async function takeBatch(deps: DeliverDeps, body: unknown): Promise<readonly ItemResult[]> {
  let batch: ReturnType<typeof parseReceiptBatch>
  try {
    batch = parseReceiptBatch(body, 'batch')
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ApiError('invalid_request', cause.message, { cause })
  }
  const runner = runnerId(batch.runner)
  const results = await Promise.all(
    batch.receipts.map(({ receipt, ref }) => takeOne(deps, runner, receipt, ref)),
  )
  return results.filter((result) => result !== undefined)
}

async function takeOne(
  deps: DeliverDeps,
  runner: RunnerId,
  document: Json,
  ref: string,
): Promise<ItemResult | undefined> {
  const named = idOf(document)
  if (named === undefined) return undefined
  // Most come a second time, after the one inside the answer: its signature names it, and nothing else is read.
  const known = deps.recent.find(named)
  if (known !== undefined && known.signature === memberOf(document, 'signature')) {
    return { receipt_id: named, status: 'duplicate', host: known.share.toString() }
  }
  if (deps.proofs.isOpen(named)) return undefined
  let receipt: Receipt
  try {
    receipt = parseReceipt(document, 'receipt')
  } catch {
    return unproven(named)
  }
  const id = receipt.receipt_id
  const account = accountOf(deps, receipt, ref)
  if (account === undefined) {
    const isTheirs = await isSigned(deps, runner, receipt)
    return isTheirs ? refuse(deps, runner, id, 'ref_unknown') : unproven(id)
  }
  try {
    const keyset = await deps.keysetOf(runner, receipt.workload_keyset_digest)
    if (keyset === undefined) return refuse(deps, runner, id, 'keyset_unknown')
    const settled = await settleReceipt(deps, { receipt, account, runner, keyset })
    if (settled.ok) {
      const status = settled.duplicate ? 'duplicate' : 'settled'
      return { receipt_id: id, status, host: settled.share.toString() }
    }
    // It may be paid for after the next deposit: the runner keeps it.
    if (settled.code === 'late_insufficient') return undefined
    if (settled.code === 'receipt_mismatch') await voidLie(deps, { receipt, account, runner })
    return refuse(deps, runner, id, settled.code)
  } catch (error) {
    deps.log('error', 'receipt not settled', { receipt: id, runner, code: codeOf(error) })
    return undefined
  }
}

/**
 * A receipt with a good signature and false contents: nothing else will be believed of that attempt, if it was this
 * runner's. One that failed a request knows the id and the reference that the next one is paid by.
 */
async function voidLie(
  deps: DeliverDeps,
  { receipt, account, runner }: { receipt: Receipt; account: AccountId; runner: RunnerId },
): Promise<void> {
  deps.noteLie(runner)
  const usage = receiptEvent(receipt, 'usage.metered')
  if (usage === undefined) return
  const { attempt } = usage
  const request = requestId(usage.request)
  await deps.ledger.commit([{ op: 'release', account, request, attempt, runner, at: deps.clock() }])
}

function accountOf({ refs }: DeliverDeps, receipt: Receipt, ref: string): AccountId | undefined {
  try {
    const usage = receiptEvent(receipt, 'usage.metered')
    return usage === undefined ? undefined : refs.open(ref, requestId(usage.request))
  } catch {
    return undefined
  }
}

const RECEIPT_ID = /^[\x21-\x7e]{1,64}$/

function idOf(document: Json): string | undefined {
  const id = memberOf(document, 'receipt_id')
  return typeof id === 'string' && RECEIPT_ID.test(id) ? id : undefined
}

function memberOf(document: Json, name: string): unknown {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined
  // Sound: neither null nor an array, so an object with string keys.
  const object = document as Readonly<Record<string, Json>>
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/**
 * Not a receipt, or with neither a reference of this gateway nor a signature of the runner that it is said to be of: anybody can make
 * those without end, so that they get no signature and no line in the log.
 */
function unproven(id: string): ItemResult {
  return { receipt_id: id, status: 'refused' }
}

async function isSigned(
  { leasedKeyset, verifier }: DeliverDeps,
  runner: RunnerId,
  receipt: Receipt,
): Promise<boolean> {
  const keyset = leasedKeyset(runner, receipt.workload_keyset_digest)
  if (keyset === undefined) return false
  try {
    await verifyReceipt(receipt, keyset, verifier)
    return true
  } catch (error) {
    if (error instanceof ProtocolError) return false
    throw error
  }
}

/** A final no, signed, so that a host can show what it was told (H20). */
function refuse(deps: DeliverDeps, runner: RunnerId, id: string, reason: Refused): ItemResult {
  deps.log('warn', 'receipt refused', { receipt: id, runner, code: reason })
  const answer = { receipt_id: id, status: 'refused' }
  if (deps.signer === undefined) return answer
  const at = toSeconds(deps.clock())
  const said = { gateway: deps.gatewayName, runner, receipt_id: id, reason, at }
  const { refusal, signature } = signRefusal(said, deps.signer)
  return { ...answer, refusal: { ...refusal }, signature }
}
