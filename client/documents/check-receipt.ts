import { CodedError } from '#base/coded-error.ts'
import {
  type CryptoMode,
  type Keyset,
  keysetDigest,
  type Provider,
  type Receipt,
  receiptEvent,
  receiptKeyOf,
  verifyDocument,
  verifyReceipt,
} from '#protocol'
import { type DocumentCheckId, fail, judge, pass, type ShownCheck, skip } from './shown-check.ts'

const ALTERED = 'Keep the receipt and dispute it: no attested key signed this.'

/** Signature and own numbers of a receipt; what it says of bodies only their holder can compare. */
export async function checkReceipt(
  receipt: Receipt,
  keyset: Keyset,
  provider: Provider<CryptoMode>,
): Promise<readonly ShownCheck[]> {
  const same = receipt.workload_keyset_digest === keysetDigest(keyset)
  const named = judge('receipt.keyset', same, {
    code: 'receipt-keyset',
    detail: 'the receipt is under another keyset',
    remedy: 'Give the session of the runner that wrote the receipt (--session).',
  })
  if (!same) return [named]
  const { signature, ...unsigned } = receipt
  const signed = await outcome('receipt.signature', ALTERED, async () => {
    const key = receiptKeyOf(keyset, receipt.key_id)
    await verifyDocument(unsigned, signature, key, provider)
    return undefined
  })
  if (signed.status === 'fail') return [named, signed]
  return [named, signed, await numbers(receipt, keyset, provider)]
}

async function numbers(
  receipt: Receipt,
  keyset: Keyset,
  provider: Provider<CryptoMode>,
): Promise<ShownCheck> {
  const remedy = 'Dispute the bill: the runner’s own numbers contradict each other.'
  return outcome('receipt.numbers', remedy, async () => {
    if (receiptEvent(receipt, 'usage.metered') === undefined) return 'the receipt meters nothing'
    await verifyReceipt(receipt, keyset, provider)
    return undefined
  })
}

/** @param check resolves to the reason of a skip, or undefined for a pass */
async function outcome(
  id: DocumentCheckId,
  remedy: string,
  check: () => Promise<string | undefined>,
): Promise<ShownCheck> {
  try {
    const reason = await check()
    return reason === undefined ? pass(id) : skip(id, reason)
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause
    return fail(id, { code: String(cause.code), detail: cause.message, remedy })
  }
}
