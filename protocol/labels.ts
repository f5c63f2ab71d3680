import { type Bytes, utf8 } from '#base/bytes.ts'

/**
 * Every label, purpose, header and media type of the protocol, once. No two objects that one key may
 * seal, derive or sign share a label (M10).
 * @see SPEC.md section 12
 */

/** HPKE `info` strings. */
export const INFO = {
  ehbp: utf8('ehbp request'),
  cocoon: utf8('cocoon/1 request\0'),
  session: utf8('cocoon/1 session\0'),
  allowance: utf8('cocoon/1 allowance\0'),
  release: utf8('cocoon/1 key release\0'),
} as const satisfies Record<string, Bytes>

/** HPKE exporter contexts; each yields 32 bytes. */
export const EXPORT = {
  response: utf8('ehbp response'),
  commitment: utf8('cocoon/1 commitment'),
  session: utf8('cocoon/1 session secret'),
  allowance: utf8('cocoon allowance v1'),
} as const satisfies Record<string, Bytes>

/** HKDF-Expand `info` prefixes under a session secret. */
export const SESSION_LABEL = {
  request: utf8('cocoon/1 session request key\0'),
  response: utf8('cocoon/1 session response secret\0'),
  commitment: utf8('cocoon/1 session commitment\0'),
} as const satisfies Record<string, Bytes>

/** AAD prefix of the END frame, followed by the number of data frames as u64. */
export const END_LABEL = utf8('cocoon end\0')

/** Prefix of the hash that GPU evidence carries as its nonce. */
export const GPU_NONCE_LABEL = utf8('gpu-v1\0')

/** `purpose` of every object that is signed or MACed as JCS. */
export const PURPOSE = {
  reportData: 'aci.report_data.v1',
  register: 'cocoon.register.v1',
  heartbeat: 'cocoon.heartbeat.v1',
  tunnel: 'cocoon.tunnel.v1',
  account: 'cocoon.account.v1',
  session: 'cocoon.session.v1',
  allowance: 'cocoon.allowance.v1',
  refusal: 'cocoon.refusal.v1',
  release: 'cocoon.key-release.v1',
} as const

/** First part of the payload that a TON wallet signs as `ton_proof`. @see ton-proof.ts */
export const TON_PROOF = {
  signIn: 'cocoon.sign-in.v1',
  linkWallet: 'cocoon.link-wallet.v1',
  hostWallet: 'cocoon.host-wallet.v1',
  orphanRefund: 'cocoon.orphan-refund.v1',
} as const

export const HEADER = {
  encapsulatedKey: 'ehbp-encapsulated-key',
  responseNonce: 'ehbp-response-nonce',
  version: 'x-cocoon-version',
  head: 'x-cocoon-head',
  session: 'x-cocoon-session',
  counter: 'x-cocoon-counter',
  allowance: 'x-cocoon-allowance',
  commitmentKey: 'x-cocoon-commitment-key',
  runner: 'x-cocoon-runner',
  challenge: 'x-cocoon-challenge',
} as const

/** ACI's version, in documents and in the header of every answer. */
export const ACI_VERSION = 'aci/1'
export const ACI_HEADER = { version: 'x-aci-version', keysetDigest: 'x-aci-keyset-digest' } as const

/** Where a runner opens its tunnel, and the name of what it upgrades to. */
export const TUNNEL_PATH = '/v1/runners/tunnel'
export const TUNNEL_PROTOCOL = 'cocoon-tunnel/1'

export const HPKE_KEYS_PATH = '/.well-known/hpke-keys'
export const HPKE_KEYS_TYPE = 'application/ohttp-keys'
export const PROBLEM_TYPE = 'application/problem+json'
export const KEY_CONFIG_PROBLEM = 'urn:ietf:params:ehbp:error:key-config'
