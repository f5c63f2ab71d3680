import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Bytes, concat, hex, utf8 } from '#base/bytes.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import { costOf } from './cost.ts'
import type { Signer } from './crypto.ts'
import { newRequestId, receiptId } from './ids.ts'
import { type Keyset, keysetDigest } from './keyset.ts'
import { generateSigner, nodeProvider } from './node.ts'
import { padSse } from './padding.ts'
import {
  type MeteredUsage,
  parseReceipt,
  type Receipt,
  receiptEvent,
  receiptJson,
  signReceipt,
  type UnsignedReceipt,
  verifyReceipt,
} from './receipt.ts'
import {
  isReceiptFrame,
  jsonFrameBeforeReceipt,
  jsonReceiptFrame,
  receiptOfFrame,
  sseReceiptFrame,
} from './receipt-frame.ts'
import { codeOf, PRICE, random, unsignedReceipt } from './testing/fixtures.ts'
import { checkReceiptBodies, readCommitmentKey, requestDigests, Transcript } from './transcript.ts'
import { webProvider } from './web.ts'

function keysetOf(signer: Signer): Keyset {
  return {
    subject: 'test',
    not_after: 1_900_000_000,
    receipt_signing_keys: [
      { key_id: signer.keyId, algo: 'ed25519', public_key: hex(signer.publicKey) },
    ],
    e2ee_public_keys: [],
    tls_public_keys: [],
  }
}

const signer = generateSigner('receipt-1')
const keyset = keysetOf(signer)
const request = newRequestId(random)
const unsigned = unsignedReceipt(keysetDigest(keyset), request)
const receipt = signReceipt(unsigned, signer)

/** The same receipt with its usage changed, signed again. */
function withUsage(change: Partial<MeteredUsage>): Receipt {
  const event_log = unsigned.event_log.map((event) =>
    event.type === 'usage.metered' ? { ...event, ...change } : event,
  )
  return signReceipt({ ...unsigned, event_log }, signer)
}

describe('receipt', () => {
  test('survives JSON and verifies everywhere', async () => {
    const parsed = parseReceipt(JSON.parse(JSON.stringify(receiptJson(receipt))), 'receipt')
    for (const provider of [nodeProvider, webProvider]) {
      const usage = await verifyReceipt(parsed, keyset, provider)
      expect(usage.cost).toBe(8n)
    }
  })

  test('any altered member breaks it', async () => {
    const changes: Partial<UnsignedReceipt>[] = [
      { receipt_id: newRequestId(random) },
      { chat_id: 'other' },
      { model: 'other' },
      { endpoint: '/v1/embeddings' },
      { served_at: unsigned.served_at + 1 },
      { event_log: unsigned.event_log.toReversed() },
      { event_log: unsigned.event_log.slice(1) },
    ]
    for (const change of changes) {
      const forged = { ...receipt, ...change }
      expect(await codeOf(() => verifyReceipt(forged, keyset, nodeProvider))).toBe(
        'signature_invalid',
      )
    }
  })

  test('another keyset, key id or key of small order is refused', async () => {
    const stranger = generateSigner('receipt-1')
    const other = keysetOf(stranger)
    const check = (changed: Receipt, by: Keyset): Promise<string> =>
      codeOf(() => verifyReceipt(changed, by, nodeProvider))
    expect(await check(receipt, other)).toBe('receipt_mismatch')
    expect(await check({ ...receipt, key_id: 'x' }, keyset)).toBe('signature_invalid')
    expect(await check(signReceipt(unsigned, stranger), keyset)).toBe('signature_invalid')
    const weak = {
      ...keyset,
      receipt_signing_keys: [{ key_id: 'receipt-1', algo: 'ed25519', public_key: '00'.repeat(32) }],
    }
    const claims = {
      ...receipt,
      workload_keyset_digest: keysetDigest(weak),
      signature: '00'.repeat(64),
    }
    expect(await check(claims, weak)).toBe('signature_invalid')
  })

  test.each([
    ['cost too high', { cost: nano(9n) }],
    ['cost too low', { cost: nano(7n) }],
    ['more cached than prompt', { cached_tokens: 16 }],
    ['more reasoning than completion', { reasoning_tokens: 21 }],
    ['another request', { request: newRequestId(random) }],
    ['another attempt', { attempt: 2 }],
  ] as const)('%s contradicts itself though it is signed', async (_, change) => {
    const code = await codeOf(() => verifyReceipt(withUsage(change), keyset, nodeProvider))
    expect(code).toBe('receipt_mismatch')
  })

  test.each([
    ['a purpose', { purpose: 'cocoon.register.v1' }],
    ['an unknown event', { event_log: [{ type: 'x' }] }],
    ['no events', { event_log: [] }],
    ['a number as cost', { event_log: [{ ...receiptEvent(receipt, 'usage.metered'), cost: 8 }] }],
    ['a short signature', { signature: 'ab' }],
  ])('a document with %s is no receipt', async (_, change) => {
    const document = { ...JSON.parse(JSON.stringify(receiptJson(receipt))), ...change }
    expect(await codeOf(() => parseReceipt(document, 'receipt'))).toBe('message_invalid')
  })

  test('a repeated event has no single meaning', async () => {
    const doubled = { ...receipt, event_log: [...receipt.event_log, ...receipt.event_log] }
    expect(await codeOf(() => receiptEvent(doubled, 'usage.metered'))).toBe('message_invalid')
  })

  test('the id of a later attempt carries its number', () => {
    expect([receiptId(request, 1), receiptId(request, 3)]).toEqual([request, `${request}.3`])
  })

  test('cost is one rounding up of the whole sum', () => {
    const one = nanoPerMillion(1n)
    const price = { input: one, cached: one, output: one }
    const tokens = { prompt_tokens: 1, cached_tokens: 0, completion_tokens: 1 }
    expect(costOf(tokens, price)).toBe(1n)
    expect(costOf({ ...tokens, prompt_tokens: 0, completion_tokens: 0 }, price)).toBe(0n)
    expect(costOf({ prompt_tokens: 15, cached_tokens: 5, completion_tokens: 20 }, PRICE)).toBe(8n)
  })
})

describe('receipt inside the answer', () => {
  const key = random(32)

  /** Seals frames on one side, opens them on the other, both with a transcript. */
  function travel(frames: readonly Bytes[]): { sent: Transcript; seen: Transcript; text: string } {
    const keys = { key: random(32), nonce: random(12), end: true }
    const [sent, seen] = [
      new Transcript(nodeProvider.hashes, key),
      new Transcript(webProvider.hashes, key),
    ]
    const sealer = nodeProvider.bodies.sealer(keys, sent)
    const wire = concat(...frames.map((frame) => sealer.seal(frame)), sealer.end())
    const opener = nodeProvider.bodies.opener(keys, seen)
    const text = Buffer.from(concat(...opener.push(wire))).toString()
    opener.end()
    return { sent, seen, text }
  }

  test('ends a stream as a comment, and both sides hash the same bytes before it', () => {
    const events = padSse(utf8('data: {"x":1}\n\ndata: [DONE]\n\n'))
    const { sent, seen, text } = travel([events, sseReceiptFrame(receipt)])
    expect(receiptOfFrame(seen.receiptFrame ?? new Uint8Array(0))).toEqual(receipt)
    expect(seen.digests()).toEqual(sent.digests())
    const events2 = text.split('\n\n').filter((event) => event !== '' && !event.startsWith(':'))
    expect(events2).toEqual(['data: {"x":1}', 'data: [DONE]'])
  })

  test.each([
    ['one small event', 1, 512],
    ['as much as is hashed together', 16, 512],
    ['many small events', 100, 512],
    ['large frames', 3, 70_000],
  ])('the digests are those of the whole answer: %s', (_, count, size) => {
    const frames = Array.from({ length: count }, () => random(size))
    const { sent, seen } = travel([...frames, sseReceiptFrame(receipt)])
    const digests = sent.digests()
    expect(seen.digests()).toEqual(digests)
    const commitment = createHmac('sha256', key)
      .update(concat(...frames))
      .digest('hex')
    expect(digests.commitment).toBe(commitment)
  })

  test('ends a JSON answer as its last member', () => {
    const body = utf8(`{"id":"chatcmpl-1","text":",\\"cocoon_receipt\\":"} \n`)
    const frames = [jsonFrameBeforeReceipt(body), jsonReceiptFrame(receipt)]
    const { seen, text } = travel(frames)
    const { cocoon_receipt, ...rest } = JSON.parse(text)
    expect(rest).toEqual(JSON.parse(Buffer.from(body).toString()))
    expect(parseReceipt(cocoon_receipt, 'receipt')).toEqual(receipt)
    expect(receiptOfFrame(seen.receiptFrame ?? new Uint8Array(0))).toEqual(receipt)
    expect(frames.map(isReceiptFrame)).toEqual([false, true])
  })

  test('content after the receipt is refused', () => {
    const late = [sseReceiptFrame(receipt), utf8('data: more\n\n')]
    expect(() => travel(late)).toThrow(expect.objectContaining({ code: 'receipt_mismatch' }))
  })

  test.each(['', '[]', '{', 'x}y', '"}"x'])(
    '%j is no JSON object to put a receipt into',
    async (text) => {
      expect(await codeOf(() => jsonFrameBeforeReceipt(utf8(text)))).toBe('bad_input')
    },
  )

  test.each([
    ': cocoon-receipt !!!\n\n',
    ': cocoon-receipt e30\n\n',
    ',"cocoon_receipt":{}}',
    ',"cocoon_receipt":1',
    'data: x',
  ])('%j holds no receipt', async (text) => {
    expect(['message_invalid', 'receipt_mismatch']).toContain(
      await codeOf(() => receiptOfFrame(utf8(text))),
    )
  })

  test('is compared with what was really sent and received (M3)', async () => {
    const wire = random(100)
    const body = utf8('{"q":1}   ')
    const asked = requestDigests(nodeProvider.hashes, { wire, plaintext: body, commitmentKey: key })
    // Trailing padding does not count: the client committed to its body before padding.
    const bare = requestDigests(webProvider.hashes, {
      wire,
      plaintext: utf8('{"q":1}'),
      commitmentKey: key,
    })
    expect(asked).toEqual(bare)
    const answered = new Transcript(nodeProvider.hashes, key)
    answered.frame(utf8('answer'), random(20))
    const response = answered.digests()
    const event_log = unsigned.event_log.map((event) => {
      if (event.type === 'request.received') return { ...event, body_hash: asked.body_hash }
      if (event.type === 'response.returned') return { ...event, body_hash: response.body_hash }
      if (event.type !== 'plaintext.committed') return event
      return { ...event, request: asked.commitment, response: response.commitment }
    })
    const honest = signReceipt({ ...unsigned, event_log }, signer)
    expect(await codeOf(() => checkReceiptBodies(honest, { request: asked, response }))).toBe(
      'no error',
    )
    expect(await codeOf(() => checkReceiptBodies(receipt, { request: asked, response }))).toBe(
      'receipt_mismatch',
    )
    for (const part of ['body_hash', 'commitment'] as const) {
      const other = { ...response, [part]: asked[part] }
      expect(
        await codeOf(() => checkReceiptBodies(honest, { request: asked, response: other })),
      ).toBe('receipt_mismatch')
      expect(await codeOf(() => checkReceiptBodies(honest, { request: other, response }))).toBe(
        'receipt_mismatch',
      )
    }
  })

  test('a commitment cannot be recomputed by who guesses the text but lacks the key', () => {
    const guess = { wire: random(10), plaintext: utf8('yes'), commitmentKey: key }
    const mine = requestDigests(nodeProvider.hashes, guess)
    const theirs = requestDigests(nodeProvider.hashes, { ...guess, commitmentKey: random(32) })
    expect(theirs.commitment).not.toBe(mine.commitment)
    expect(hex(readCommitmentKey(hex(key)))).toBe(hex(key))
    expect(() => readCommitmentKey('ab')).toThrow(
      expect.objectContaining({ code: 'header_invalid' }),
    )
  })
})
