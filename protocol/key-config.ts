import { type Bytes, concat } from '#base/bytes.ts'
import { ByteReader, ReadError } from '#base/reader.ts'
import { ProtocolError } from './errors.ts'
import { AEAD_ID, KDF_ID, SUITE_FACTS, type SuiteName } from './suite.ts'

const SUITE_BYTES = 4
const KEY_ID = 0

export interface KeyConfig {
  readonly suite: SuiteName
  readonly publicKey: Bytes
}

/** The body of `/.well-known/hpke-keys`: X25519 first, since other clients read only the first. */
export function marshalKeyConfig(keys: readonly KeyConfig[]): Bytes {
  // SUITE_FACTS is in our order of preference, the reverse of the published one.
  const ordered = SUITE_FACTS.toReversed().flatMap(({ name, kemId }) =>
    keys.filter(({ suite }) => suite === name).map(({ publicKey }) => marshal(kemId, publicKey)),
  )
  if (ordered.length === 0) throw new ProtocolError('bad_input', 'key config: no keys')
  return concat(...ordered)
}

function marshal(kemId: number, publicKey: Bytes): Bytes {
  const head = Uint8Array.of(KEY_ID, kemId >>> 8, kemId & 0xff)
  const suites = Uint8Array.of(
    0,
    SUITE_BYTES,
    KDF_ID >>> 8,
    KDF_ID & 0xff,
    AEAD_ID >>> 8,
    AEAD_ID & 0xff,
  )
  return concat(head, publicKey, suites)
}

/**
 * Parses the first key configuration, which must be of a suite of ours; what follows belongs to later
 * versions. Our own clients take keys from the attested keyset and never from here (H8).
 * @see SPEC.md section 1.2
 */
export function parseKeyConfig(bytes: Uint8Array): KeyConfig {
  try {
    return parse(new ByteReader(bytes))
  } catch (cause) {
    if (!(cause instanceof ReadError)) throw cause
    throw new ProtocolError('key_config_invalid', 'key config is cut short', { cause })
  }
}

function parse(reader: ByteReader): KeyConfig {
  reader.u8()
  const kemId = reader.u16be()
  const facts = SUITE_FACTS.find((suite) => suite.kemId === kemId)
  if (facts === undefined) {
    throw new ProtocolError('key_config_unsupported', 'key config is for another KEM')
  }
  const publicKey = reader.take(facts.publicKeyLength)
  const length = reader.u16be()
  if (length === 0 || length % SUITE_BYTES !== 0) {
    throw new ProtocolError('key_config_invalid', 'key config has no whole list of suites')
  }
  const suites = new ByteReader(reader.take(length))
  const supported = suites.u16be() === KDF_ID && suites.u16be() === AEAD_ID
  if (!supported || suites.remaining > 0) {
    throw new ProtocolError('key_config_unsupported', 'key config offers other suites')
  }
  return { suite: facts.name, publicKey }
}
