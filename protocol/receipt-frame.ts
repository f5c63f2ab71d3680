import { type Bytes, base64url, concat, fromBase64url, fromUtf8, utf8 } from '#base/bytes.ts'
import type { Texts } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { padJson, padSse } from './padding.ts'
import { parseJson } from './parse.ts'
import { parseReceipt, type Receipt, receiptJson } from './receipt.ts'

/**
 * The receipt is the last content of a sealed answer: an SSE comment after `data: [DONE]`, or the last
 * member of a JSON object. What starts its frame cannot start any other: SSE frames hold whole events, and
 * inside JSON strings quotes are escaped.
 * @see SPEC.md section 8.4
 */
const SSE_MARK = ': cocoon-receipt '
const JSON_MARK = ',"cocoon_receipt":'
const MARKS = [utf8(SSE_MARK), utf8(JSON_MARK)]
const CLOSING_BRACE = 0x7d
const WHITE_SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])

export function isReceiptFrame(plaintext: Uint8Array): boolean {
  return MARKS.some(
    (mark) => plaintext.length > mark.length && mark.every((byte, i) => plaintext[i] === byte),
  )
}

/** The receipt as the last SSE comment, padded. */
export function sseReceiptFrame(receipt: Receipt): Bytes {
  const encoded = base64url(utf8(JSON.stringify(receiptJson(receipt))))
  return padSse(utf8(`${SSE_MARK}${encoded}\n\n`))
}

/** A JSON object without its final brace, padded: the first frame of a whole answer. */
export function jsonFrameBeforeReceipt(body: Uint8Array): Bytes {
  let end = body.length
  while (end > 0 && WHITE_SPACE.has(body[end - 1] ?? 0)) end--
  if (end < 2 || body[end - 1] !== CLOSING_BRACE) {
    throw new ProtocolError('bad_input', 'answer is not a JSON object')
  }
  return padJson(body.subarray(0, end - 1))
}

/** The receipt as the last member of the object, and the object's final brace, padded. */
export function jsonReceiptFrame(receipt: Receipt): Bytes {
  return padJson(concat(utf8(`${JSON_MARK}${JSON.stringify(receiptJson(receipt))}`), utf8('}')))
}

/**
 * The receipt of a frame for which `isReceiptFrame` holds.
 * @param texts a platform's faster base64, for who reads one per request
 */
export function receiptOfFrame(
  plaintext: Uint8Array,
  texts: Pick<Texts, 'fromBase64url'> = { fromBase64url },
): Receipt {
  const source = decoded(() => plaintext)
  if (source.startsWith(SSE_MARK)) {
    const encoded = source.slice(SSE_MARK.length, source.indexOf('\n'))
    return parseReceipt(parseJson(decoded(() => texts.fromBase64url(encoded))), 'receipt')
  }
  const closed = source.slice(JSON_MARK.length).trimEnd()
  if (!source.startsWith(JSON_MARK) || !closed.endsWith('}')) {
    throw new ProtocolError('receipt_mismatch', 'not a receipt frame')
  }
  return parseReceipt(parseJson(closed.slice(0, -1)), 'receipt')
}

function decoded(bytes: () => Uint8Array): string {
  try {
    return fromUtf8(bytes())
  } catch {
    throw new ProtocolError('message_invalid', 'receipt: not UTF-8')
  }
}
