import type { Bytes } from '#base/bytes.ts'
import { type Certificate, parseCertificate } from './der/certificate.ts'

/** AMD's three root families; Bergamo and Siena are Genoa. */
export type SevProduct = 'Milan' | 'Genoa' | 'Turin'

/** The authorities of one AMD product, DER. */
export interface SevRoot {
  readonly product: SevProduct
  readonly ark: Bytes
  /** Issues VCEKs; absent: it must come with the evidence and verify under the ARK. */
  readonly ask?: Bytes
  /** Issues VLEKs; likewise. */
  readonly asvk?: Bytes
}

/**
 * What verification trusts. Always an argument of the verifier; the default is PINNED_ANCHORS and any other
 * object makes the verdict `simulated`. Never read from evidence, bundles, files or the environment (H17).
 */
export interface TrustAnchors {
  readonly sev: readonly SevRoot[]
  /** Intel SGX Root CA certificates, DER. */
  readonly intel: readonly Bytes[]
  /** NVIDIA device identity roots, DER. */
  readonly nvidiaDevice: readonly Bytes[]
  /** NVIDIA CoRIM signing roots, DER. */
  readonly nvidiaRim: readonly Bytes[]
  readonly nras: {
    /** The exact `iss` of every token. */
    readonly issuer: string
    /** Roots of the tokens' x5c chains, DER; empty: the fetched key set alone is trusted. */
    readonly roots: readonly Bytes[]
  }
}

const parsed = new WeakMap<Bytes, Certificate>()

/** An anchor's certificate, parsed once, so that its imported key is kept too. */
export function anchorCertificate(der: Bytes): Certificate {
  let certificate = parsed.get(der)
  if (certificate === undefined) {
    certificate = parseCertificate(der)
    parsed.set(der, certificate)
  }
  return certificate
}
