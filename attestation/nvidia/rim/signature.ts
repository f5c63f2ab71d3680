import { type Bytes, base64, fromBase64, utf8 } from '#base/bytes.ts'
import { type Certificate, parseCertificate } from '../../der/certificate.ts'
import { verifyEcdsaRaw } from '../../der/ecdsa.ts'
import { verifyOnce } from '../../der/once.ts'
import { digestOf } from '../../digest.ts'
import { demand, parsing } from '../../errors.ts'
import { canonicalize } from './canonicalize.ts'
import {
  childElements,
  demandOnlyAttribute,
  exactChildren,
  isElement,
  NS,
  textOf,
} from './elements.ts'
import type { XmlElement } from './xml.ts'

/** The enveloped signature of a document, taken apart and not yet verified. */
export interface XmlSignature {
  /** The element itself: the one thing that the digest leaves out. */
  readonly element: XmlElement
  readonly signedInfo: XmlElement
  /** SHA-384, standard base64. */
  readonly digest: string
  /** ECDSA P-384, raw r||s. */
  readonly signature: Bytes
  /** Signer first. */
  readonly chain: readonly Certificate[]
}

const ALGORITHM = {
  c14n11: 'http://www.w3.org/2006/12/xml-c14n11',
  ecdsaSha384: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384',
  sha384: 'http://www.w3.org/2001/04/xmldsig-more#sha384',
  enveloped: 'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
} as const

const MAX_CERTIFICATES = 6
const SIGNATURE_BYTES = 96

/**
 * Reads the one signature of a document, which must be a direct child of its root and have exactly the form
 * that NVIDIA signs: no other algorithm, transform, reference or key can be named at all.
 * @throws AttestationError rim-signature or parse
 * @see https://www.w3.org/TR/xmldsig-core1/
 */
export function readXmlSignature(root: XmlElement): XmlSignature {
  const direct = childElements(root).filter((child) => isElement(child, NS.ds, 'Signature'))
  const [element] = direct
  demand(element !== undefined && direct.length === 1, 'rim-signature', 'not one direct signature')
  demand(countSignatures(root) === 1, 'rim-signature', 'a second signature inside the document')
  const [signedInfo, value, keyInfo] = exactChildren(element, NS.ds, [
    'SignedInfo',
    'SignatureValue',
    'KeyInfo',
  ])
  demand(element.attributes.length === 0, 'parse', 'XML signature has attributes')
  const digest = readSignedInfo(signedInfo)
  const signature = parsing('XML signature value', () => fromBase64(textOf(value)))
  demand(signature.length === SIGNATURE_BYTES, 'rim-signature', 'XML signature length')
  return { element, signedInfo, digest, signature, chain: readCertificates(keyInfo) }
}

function countSignatures(root: XmlElement): number {
  let count = 0
  const open: XmlElement[] = [root]
  for (let element = open.pop(); element !== undefined; element = open.pop()) {
    if (element.local === 'Signature') count += 1
    for (const child of element.children) if (typeof child !== 'string') open.push(child)
  }
  return count
}

/** @returns the digest of the document that SignedInfo names */
function readSignedInfo(signedInfo: XmlElement): string {
  const [canonicalization, method, reference] = exactChildren(signedInfo, NS.ds, [
    'CanonicalizationMethod',
    'SignatureMethod',
    'Reference',
  ])
  demandAlgorithm(canonicalization, ALGORITHM.c14n11)
  demandAlgorithm(method, ALGORITHM.ecdsaSha384)
  // The whole document, never a part of it found by id.
  demandOnlyAttribute(reference, 'URI', '')
  const [transforms, digestMethod, digestValue] = exactChildren(reference, NS.ds, [
    'Transforms',
    'DigestMethod',
    'DigestValue',
  ])
  const [enveloped, canonical] = exactChildren(transforms, NS.ds, ['Transform', 'Transform'])
  demandAlgorithm(enveloped, ALGORITHM.enveloped)
  demandAlgorithm(canonical, ALGORITHM.c14n11)
  demandAlgorithm(digestMethod, ALGORITHM.sha384)
  return textOf(digestValue)
}

/** An empty element that names this algorithm and nothing more. */
function demandAlgorithm(element: XmlElement, algorithm: string): void {
  demandOnlyAttribute(element, 'Algorithm', algorithm)
  demand(element.children.length === 0, 'parse', `XML element ${element.local} is not empty`)
}

/** X.509 certificates and nothing else: a raw KeyValue would be a key that no chain vouches for. */
function readCertificates(keyInfo: XmlElement): Certificate[] {
  const [data] = exactChildren(keyInfo, NS.ds, ['X509Data'])
  const certificates = childElements(data)
  const count = certificates.length
  demand(count > 0 && count <= MAX_CERTIFICATES, 'rim-chain', `${count} signer certificates`)
  return certificates.map((element) => {
    demand(isElement(element, NS.ds, 'X509Certificate'), 'parse', 'X509Data holds something else')
    const body = textOf(element).replace(/[ \n\t]+/g, '')
    return parseCertificate(parsing('signer certificate', () => fromBase64(body)))
  })
}

/**
 * Verifies that the first certificate's key signed this very document.
 * @throws AttestationError rim-signature
 */
export async function verifyXmlSignature(root: XmlElement, xml: XmlSignature): Promise<void> {
  const canonical = utf8(canonicalize(root, xml.element))
  const digest = await digestOf('SHA-384', canonical)
  demand(base64(digest) === xml.digest, 'rim-signature', 'document was altered after signing')
  const [signer] = xml.chain
  const key = signer?.key
  demand(key?.kind === 'ec' && key.curve === 'P-384', 'rim-signature', 'signer has no P-384 key')
  const { point } = key
  const message = utf8(canonicalize(xml.signedInfo))
  const good = await verifyOnce('xml', [point, message, xml.signature], () =>
    verifyEcdsaRaw({ curve: 'P-384', hash: 'SHA-384', point, message, signature: xml.signature }),
  )
  demand(good, 'rim-signature', 'XML signature is bad')
}
