import { createRequire } from 'node:module'
import { fromUtf8, hex } from '#base/bytes.ts'
import { NOW_SECONDS, REVOKED, type TdxMachine } from './evidence.ts'

interface Qvl {
  readonly QuoteVerifier: {
    newWithRootCa(root: Uint8Array): {
      verify(quote: Uint8Array, collateral: object, nowSeconds: number): { status: string }
    }
  }
}

/** The peer: @phala/dcap-qvl on a quote and on the collateral that ours gets. @returns one verification */
export async function dcapQvl({ forge, quote }: TdxMachine): Promise<() => void> {
  // Its types ask for Node's Buffer. Sound: the shape is the package's documented one.
  const { QuoteVerifier } = createRequire(import.meta.url)('@phala/dcap-qvl') as Qvl
  const chain = decodeURIComponent(await forge.issuerChain())
  const info = signed(await forge.tcbInfo())
  const identity = signed(await forge.qeIdentity())
  const collateral = {
    tcb_info: info.value,
    tcb_info_signature: info.signature,
    tcb_info_issuer_chain: chain,
    qe_identity: identity.value,
    qe_identity_signature: identity.signature,
    qe_identity_issuer_chain: chain,
    pck_crl: hex(await forge.crl({ revoked: REVOKED })),
    root_ca_crl: hex(await forge.crl({ of: 'root' })),
  }
  const verifier = QuoteVerifier.newWithRootCa(Buffer.from(forge.root))
  const bytes = Buffer.from(quote)
  return () => {
    const { status } = verifier.verify(bytes, collateral, NOW_SECONDS)
    if (status !== 'UpToDate') throw new Error(`dcap-qvl says ${status}`)
  }
}

/** A signed document of Intel's in its two parts: the signed text and the signature in hex. */
function signed(body: Uint8Array): { value: string; signature: string } {
  const parts = /^\{"\w+":(.*),"signature":"(\w+)"\}$/s.exec(fromUtf8(body))
  return { value: parts?.[1] ?? '', signature: parts?.[2] ?? '' }
}
