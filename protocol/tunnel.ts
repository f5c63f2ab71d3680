import { hex } from '#base/bytes.ts'
import type { CryptoMode, Provider, Signer } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { canonicalMessage } from './hash.ts'
import { runnerId } from './ids.ts'
import type { Keyset } from './keyset.ts'
import { PURPOSE } from './labels.ts'
import { exact, hexOf, literal, type Parsed, text } from './parse.ts'
import { verifyDocument } from './receipt.ts'
import { firstReceiptKey } from './registration.ts'

/** The line that proves who opened a tunnel, with its end. */
export const MAX_TUNNEL_PROOF_BYTES = 4096

const tunnel = exact({
  purpose: literal(PURPOSE.tunnel),
  /** What the gateway calls itself. */
  gateway: text(512),
  runner_id: runnerId,
  /** Made by the gateway for this connection. */
  challenge: hexOf(32),
})

export const parseTunnelProof = exact({ tunnel, signature: hexOf(64) })
export type TunnelProof = Parsed<typeof parseTunnelProof>

/** Which connection a proof is for. */
interface Connection {
  readonly gateway: string
  readonly runnerId: string
  readonly challenge: string
}

/** Signs the proof of one connection by the receipt key of the lease's keyset. @see SPEC.md section 9.5 */
export function signTunnel(said: Connection, signer: Signer): TunnelProof {
  const { gateway, runnerId: runner_id, challenge } = said
  const signed = { purpose: PURPOSE.tunnel, gateway, runner_id, challenge }
  return { tunnel: signed, signature: hex(signer.sign(canonicalMessage(signed))) }
}

/** Checks that a proof is for this gateway, runner and connection, by the keyset's receipt key. @throws ProtocolError */
export async function verifyTunnel(
  { tunnel: said, signature }: TunnelProof,
  expected: Connection,
  keyset: Keyset,
  provider: Pick<Provider<CryptoMode>, 'verify'>,
): Promise<void> {
  const isForUs =
    said.gateway === expected.gateway &&
    said.runner_id === expected.runnerId &&
    said.challenge === expected.challenge
  if (!isForUs) throw new ProtocolError('message_invalid', 'tunnel: not for this connection')
  await verifyDocument(said, signature, firstReceiptKey(keyset), provider)
}
