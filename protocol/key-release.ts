import { type Bytes, concat, copyBytes, fromHex, hex, utf8 } from '#base/bytes.ts'
import type { CryptoMode, Provider, Signer } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { canonicalMessage, sha256Digest } from './hash.ts'
import { INFO, PURPOSE } from './labels.ts'
import { exact, hexOf, type Parsed, text } from './parse.ts'
import { verifyDocument } from './receipt.ts'
import { parseReport } from './registration.ts'
import type { SealingKey } from './suite.ts'

const MAX_SEALED_HEX = 32_768

/** A gateway asks for its keys: its report is over the service's challenge. @see SPEC.md section 17 */
export const parseReleaseRequest = exact({ challenge: hexOf(32), report: parseReport })
export type ReleaseRequest = Parsed<typeof parseReleaseRequest>

/** What it gets: sealed to the one key of its attested keyset, signed by the service. */
export const parseRelease = exact({
  enc: hexOf(32),
  sealed: text(MAX_SEALED_HEX, /^(?:[0-9a-f]{2})+$/),
  signature: hexOf(64),
})
export type Release = Parsed<typeof parseRelease>

/** Who asked, and when: a release opens for this and nothing else. */
export interface ReleaseBinding {
  readonly keysetDigest: string
  readonly challenge: string
}

/** The service's side. @param publicKey the `ehbp-x25519` key of the attested keyset */
export async function sealRelease(
  provider: Pick<Provider<CryptoMode>, 'suites'>,
  binding: ReleaseBinding,
  publicKey: Bytes,
  keys: Bytes,
  signer: Signer,
): Promise<Release> {
  const suite = provider.suites['ehbp-x25519'].hpke
  const recipient = await suite.DeserializePublicKey(publicKey)
  const { encapsulatedSecret, ctx } = await suite.SetupSender(recipient, { info: infoOf(binding) })
  const enc = hex(encapsulatedSecret)
  const sealed = hex(await ctx.Seal(keys))
  const signature = hex(signer.sign(canonicalMessage(signedForm(binding, enc, sealed))))
  return { enc, sealed, signature }
}

/**
 * The gateway's side: whose machine it is in may put any service in between, so that the signature comes first.
 * @throws ProtocolError `signature_invalid`, or `message_invalid` for what does not open
 */
export async function openRelease(
  provider: Pick<Provider<CryptoMode>, 'verify'>,
  binding: ReleaseBinding,
  key: SealingKey,
  release: Release,
  serviceKey: Bytes,
): Promise<Bytes> {
  const { enc, sealed, signature } = release
  await verifyDocument(signedForm(binding, enc, sealed), signature, serviceKey, provider)
  try {
    const { hpke } = key.suite
    const context = await hpke.SetupRecipient(key.pair, fromHex(enc), { info: infoOf(binding) })
    return copyBytes(await context.Open(fromHex(sealed)))
  } catch (cause) {
    throw new ProtocolError('message_invalid', 'release: does not open', { cause })
  }
}

function infoOf({ keysetDigest, challenge }: ReleaseBinding): Bytes {
  return concat(INFO.release, utf8(keysetDigest), fromHex(challenge))
}

function signedForm(binding: ReleaseBinding, enc: string, sealed: string) {
  return {
    purpose: PURPOSE.release,
    keyset_digest: binding.keysetDigest,
    challenge: binding.challenge,
    enc,
    sealed_hash: sha256Digest(fromHex(sealed)),
  }
}
