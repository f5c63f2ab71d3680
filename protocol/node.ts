/** The protocol on Node: synchronous cryptography behind the same interfaces. */
import { nodeMlKem768X25519 } from './node/kem-hybrid.ts'
import { nodeDhkemX25519 } from './node/kem-x25519.ts'
import { nodeCryptoProvider } from './node/provider.ts'

export const nodeProvider = nodeCryptoProvider({
  'ehbp-x25519': nodeDhkemX25519,
  'ehbp-mlkem768-x25519': nodeMlKem768X25519,
})
export { generateSigner, signerFromSeed } from './node/signer.ts'
