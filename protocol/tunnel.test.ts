import { describe, expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import { generateSigner } from './node/signer.ts'
import { nodeProvider } from './node.ts'
import { codeOf } from './testing/fixtures.ts'
import { parseTunnelProof, signTunnel, verifyTunnel } from './tunnel.ts'

const CONNECTION = {
  gateway: 'https://gateway.example',
  runnerId: 'run_1234',
  challenge: '5a'.repeat(32),
}

const signer = generateSigner('receipt-1')
const keyset = {
  subject: '',
  not_after: 0,
  e2ee_public_keys: [],
  receipt_signing_keys: [
    { key_id: 'receipt-1', algo: 'ed25519' as const, public_key: hex(signer.publicKey) },
  ],
  tls_public_keys: [],
}
const verify = (said: unknown, expected = CONNECTION): Promise<string> =>
  codeOf(() => verifyTunnel(parseTunnelProof(said, 'proof'), expected, keyset, nodeProvider))

describe('a tunnel’s proof (H15)', () => {
  const sent = JSON.parse(JSON.stringify(signTunnel(CONNECTION, signer)))

  test('survives JSON and verifies under the first receipt key', async () => {
    await verifyTunnel(parseTunnelProof(sent, 'proof'), CONNECTION, keyset, nodeProvider)
  })

  test.each([
    ['another connection', { challenge: '5b'.repeat(32) }],
    ['another gateway', { gateway: 'https://other.example' }],
    ['another runner', { runnerId: 'run_5678' }],
  ])('for %s it is refused', async (_, change) => {
    expect(await verify(sent, { ...CONNECTION, ...change })).toBe('message_invalid')
  })

  test('by another key, or as another kind of message, it is refused', async () => {
    expect(await verify(signTunnel(CONNECTION, generateSigner('receipt-1')))).toBe(
      'signature_invalid',
    )
    const heartbeat = { ...sent, tunnel: { ...sent.tunnel, purpose: 'cocoon.heartbeat.v1' } }
    expect(await verify(heartbeat)).toBe('message_invalid')
    expect(await verify({ ...sent, extra: 1 })).toBe('message_invalid')
  })
})
