/** The protocol on Node: synchronous cryptography behind the same interfaces. */

export { nodeProvider } from './node/provider.ts'
export { generateSigner, signerFromSeed } from './node/signer.ts'
