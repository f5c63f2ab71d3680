/**
 * The protocol on Cloudflare's workerd: its node:crypto is synchronous per frame as Node's is, but has neither ML-KEM
 * nor X25519, so that key exchange is WebCrypto's and noble's.
 */
import { KEM_MLKEM768_X25519 } from '@panva/hpke-noble'
import { KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke'
import { nodeCryptoProvider } from './node/provider.ts'

export const workerdProvider = nodeCryptoProvider({
  'ehbp-x25519': KEM_DHKEM_X25519_HKDF_SHA256,
  'ehbp-mlkem768-x25519': KEM_MLKEM768_X25519,
})
export { signerFromSeed } from './node/signer.ts'
