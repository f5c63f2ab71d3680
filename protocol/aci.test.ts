import { describe, expect, test } from 'vitest'
import { fromHex, hex, utf8 } from '#base/bytes.ts'
import { jcs } from '#base/jcs.ts'
import { portableHashes, sha256Digest } from './hash.ts'
import {
  contentAddress,
  keysetDigest,
  parseKeyset,
  receiptKeyOf,
  reportData,
  statement,
} from './keyset.ts'
import { nodeProvider, signerFromSeed } from './node.ts'
import { verifyDocument } from './receipt.ts'
import { codeOf } from './testing/fixtures.ts'
import aci from './vectors/aci/aci-1.json' with { type: 'json' }
import { webProvider } from './web.ts'

/** The published ACI values, byte for byte. */
describe('ACI vectors', () => {
  const keyset = parseKeyset(aci.keyset.document, 'keyset')

  test('keyset: canonical form and digest', () => {
    expect(jcs(aci.keyset.document)).toBe(aci.keyset.jcs)
    expect(keysetDigest(keyset)).toBe(aci.keyset.digest)
    expect(hex(receiptKeyOf(keyset, 'receipt-1'))).toBe(aci.receipt_key.public_key)
  })

  test.each(aci.statement)('statement and report data for nonce $nonce', (vector) => {
    expect(Buffer.from(statement(aci.keyset.digest, vector.nonce)).toString()).toBe(vector.bytes)
    const data = reportData(aci.keyset.digest, vector.nonce)
    expect(hex(data)).toBe(`${vector.report_data}${'00'.repeat(32)}`)
    if (vector.report_data_64 !== undefined) expect(hex(data)).toBe(vector.report_data_64)
  })

  test('session: canonical form and content address', () => {
    expect(jcs(aci.session.document)).toBe(aci.session.jcs)
    expect(contentAddress(aci.session.document)).toBe(aci.session.session_id)
  })

  test.each(aci.bodies)('body hash $hash', ({ body, hash }) => {
    expect(sha256Digest(utf8(body))).toBe(hash)
  })

  test('receipt: signing input, signature and verification', async () => {
    const { signature, ...unsigned } = aci.receipt.document
    const input = utf8(jcs(unsigned))
    expect(Buffer.from(input).toString()).toBe(aci.receipt.signing_input)
    expect(hex(portableHashes.sha256(input))).toBe(aci.receipt.sha256)
    const signer = signerFromSeed('receipt-1', fromHex(aci.receipt_key.ed25519_seed_hex))
    expect(hex(signer.publicKey)).toBe(aci.receipt_key.public_key)
    expect(hex(signer.sign(input))).toBe(aci.receipt.signature)
    for (const provider of [nodeProvider, webProvider]) {
      const check = (document: unknown): Promise<string> =>
        codeOf(() => verifyDocument(document, signature, signer.publicKey, provider))
      expect(await check(unsigned)).toBe('no error')
      expect(await check({ ...unsigned, served_at: unsigned.served_at + 1 })).toBe(
        'signature_invalid',
      )
    }
  })
})
