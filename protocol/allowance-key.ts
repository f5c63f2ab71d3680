import { type Bytes, copyBytes } from '#base/bytes.ts'
import type { Provider } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { EXPORT, INFO } from './labels.ts'
import type { SealingKey } from './suite.ts'

const KEY_BYTES = 32

/**
 * The gateway's side: a context to the runner's attested X25519 key, made once per registration. `enc` goes
 * into the register answer; `key` is stored with the lease.
 * @see SPEC.md section 7.1
 */
export async function openAllowanceContext(
  provider: Pick<Provider, 'suites'>,
  publicKey: Bytes,
): Promise<{ enc: Bytes; key: Bytes }> {
  const suite = provider.suites['ehbp-x25519'].hpke
  const recipient = await suite.DeserializePublicKey(publicKey)
  const { encapsulatedSecret, ctx } = await suite.SetupSender(recipient, { info: INFO.allowance })
  return {
    enc: copyBytes(encapsulatedSecret),
    key: copyBytes(await ctx.Export(EXPORT.allowance, KEY_BYTES)),
  }
}

/** The runner's side. @returns the 32-byte HMAC key of this gateway's allowances */
export async function allowanceKeyFromEnc(key: SealingKey, enc: Bytes): Promise<Bytes> {
  try {
    const context = await key.suite.hpke.SetupRecipient(key.pair, enc, { info: INFO.allowance })
    return copyBytes(await context.Export(EXPORT.allowance, KEY_BYTES))
  } catch (cause) {
    throw new ProtocolError('allowance_invalid', 'allowance context does not open', { cause })
  }
}
