import { describe, expect, test } from 'vitest'
import { fromHex, hex, utf8 } from '#base/bytes.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import { openAllowance, sealAllowance } from './allowance.ts'
import { sessionBinding } from './envelope.ts'
import { endAad } from './frame.ts'
import { decodeHead, encodeHead } from './head.ts'
import { gpuNonce, keysetDigest, parseKeyset } from './keyset.ts'
import { nodeProvider, signerFromSeed } from './node.ts'
import { parseReceipt, receiptJson, signReceipt, verifyReceipt } from './receipt.ts'
import { signHeartbeat } from './registration.ts'
import { responseKeys } from './response.ts'
import { cocoonInfo } from './seal-request.ts'
import { Session, sessionKeys } from './session.ts'
import { formatSubject, parseSubject } from './subject.ts'
import { requestDigests } from './transcript.ts'
import vectors from './vectors/cocoon-1.json' with { type: 'json' }
import { webProvider } from './web.ts'

/** Our own wire format against values that Python made without our code: version 1 must not drift. */
describe.each([
  ['node', nodeProvider],
  ['web', webProvider],
] as const)('cocoon/1 vectors on %s', (_, provider) => {
  const { session } = vectors
  const head = decodeHead(provider.texts, vectors.head.header)
  const signer = signerFromSeed('receipt-1', fromHex(vectors.signer_seed))

  test('head and HPKE info', () => {
    const again = encodeHead(provider.texts, head.head, head.head.suite)
    expect(Buffer.from(again.canonical).toString()).toBe(vectors.head.canonical)
    expect(again.header).toBe(vectors.head.header)
    expect(hex(cocoonInfo(provider, head))).toBe(vectors.head.info)
  })

  test('AAD of the END frame', () => {
    for (const [count, aad] of Object.entries(vectors.end_aad)) {
      expect(hex(endAad(Number(count)))).toBe(aad)
    }
  })

  test('session keys, binding and sealed bodies in both directions', async () => {
    const { counter, attempt } = session
    const encHash = provider.hashes.sha256(fromHex(session.enc))
    const secret = provider.hashes.macKey(fromHex(session.secret))
    const keys = sessionKeys(provider.hashes, secret, { encHash, counter, attempt, head })
    expect(hex(keys.name)).toBe(session.name)
    expect(hex(keys.request.key)).toBe(session.request_key)
    expect(hex(keys.commitmentKey)).toBe(session.commitment_key)
    expect(hex(keys.responseSecret())).toBe(session.response_secret)
    expect(sessionBinding(provider, encHash, counter)).toBe(session.binding)

    const plaintext = utf8(session.request_plaintext.padEnd(1024))
    const wire = await provider.bodies.sealWhole(keys.request, plaintext)
    expect(hex(wire)).toBe(session.request_wire)
    const digests = requestDigests(provider.hashes, {
      wire,
      plaintext,
      commitmentKey: keys.commitmentKey,
    })
    expect(digests.commitment).toBe(session.request_commitment)

    const response = responseKeys(provider.hashes, {
      secret: keys.responseSecret(),
      salt: keys.name,
      nonce: fromHex(session.response_nonce),
      end: true,
    })
    expect(hex(response.key)).toBe(session.response_key)
    expect(hex(response.nonce)).toBe(session.response_base_nonce)
    const opener = provider.bodies.opener(response)
    const parts = await opener.push(fromHex(session.response_wire))
    expect(parts.map((part) => Buffer.from(part).toString())).toEqual(session.response_parts)
    opener.end()
  })

  test('a gateway session makes exactly this request', async () => {
    const gateway = new Session<'sync' | 'async'>(provider, {
      suite: 'ehbp-x25519',
      enc: fromHex(session.enc),
      secret: fromHex(session.secret),
      closesAt: 10,
      uses: 1,
    })
    // Its first counter is 0; the vector's own is checked by derivation above.
    const request = gateway.next({ head: head.head, attempt: session.attempt, now: 0 })
    expect(request.headers).toEqual({
      'x-cocoon-version': '1',
      'x-cocoon-head': vectors.head.header,
      'x-cocoon-session': session.enc,
      'x-cocoon-counter': '0',
    })
    const wire = await request.sealBody(utf8(session.request_plaintext))
    expect(wire.length).toBe(session.request_wire.length / 2)
  })

  test('allowance', () => {
    const { purpose: _purpose, price, ...rest } = vectors.allowance.body
    const key = provider.hashes.macKey(fromHex(vectors.allowance.key))
    const said = {
      ...rest,
      max_cost: nano(BigInt(rest.max_cost)),
      price: {
        input: nanoPerMillion(BigInt(price.input)),
        cached: nanoPerMillion(BigInt(price.cached)),
        output: nanoPerMillion(BigInt(price.output)),
      },
    }
    expect(sealAllowance(provider, said, key)).toBe(vectors.allowance.header)
    const expected = { binding: said.enc, now: said.expires }
    expect(openAllowance(provider, vectors.allowance.header, key, expected)).toEqual(said)
  })

  test('keyset, subject and GPU nonce', () => {
    const keyset = parseKeyset(vectors.keyset, 'keyset')
    expect(keysetDigest(keyset)).toBe(vectors.keyset_digest)
    expect(hex(gpuNonce(keyset))).toBe(vectors.gpu_nonce)
  })

  test('heartbeat and receipt signatures', async () => {
    const { purpose: _purpose, ...heartbeat } = vectors.heartbeat.body
    expect(signHeartbeat(heartbeat, signer).signature).toBe(vectors.heartbeat.signature)
    const document = { ...vectors.receipt.body, signature: vectors.receipt.signature }
    const receipt = parseReceipt(document, 'receipt')
    const usage = await verifyReceipt(receipt, parseKeyset(vectors.keyset, 'keyset'), provider)
    expect(usage.cost).toBe(8n)
    expect(receiptJson(signReceipt(receipt, signer))).toEqual(document)
  })
})

test('the subject of a model with a slash has one text', () => {
  const weights = `sha256:${'ef'.repeat(32)}`
  const subject = { gpu: 'none', model: 'org/demo-1', payee: `0:${'11'.repeat(32)}`, weights }
  expect(formatSubject(subject)).toBe(vectors.subject)
  expect(parseSubject(vectors.subject)).toEqual(subject)
})
