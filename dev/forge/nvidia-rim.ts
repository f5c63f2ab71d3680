import { type Bytes, base64, concat, hex, utf8 } from '#base/bytes.ts'
import type { Signer } from './der.ts'

/** One measurement of a forged manifest. */
export interface ForgedResource {
  readonly index: number
  readonly active: boolean
  readonly alternatives: readonly Uint8Array[]
}

export interface RimFields {
  readonly version: string
  readonly product: string
  readonly edition: string
  readonly manufacturerId: string
  readonly resources: readonly ForgedResource[]
  readonly signer: Signer
  /** DER, signer first. */
  readonly chain: readonly Uint8Array[]
  /** Edits the document (in canonical form, without its signature) before it is signed. */
  readonly edit?: (xml: string) => string
  /** Edits SignedInfo (in canonical form) before it is signed. */
  readonly info?: (xml: string) => string
  /** Edits the whole document after signing. */
  readonly tamper?: (xml: string) => string
}

const ROOT_NAMESPACES =
  'xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" ' +
  'xmlns:ns0="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" ' +
  'xmlns:ns2="http://www.w3.org/2001/04/xmlenc#sha384"'
const RIM_NAMESPACE =
  'https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/'
const DS = 'http://www.w3.org/2000/09/xmldsig#'
const C14N = 'http://www.w3.org/2006/12/xml-c14n11'
const MORE = 'http://www.w3.org/2001/04/xmldsig-more#'
const END = '</SoftwareIdentity>'

/**
 * A signed SWID tag. The text is written in canonical form to begin with, so the forge needs none of the verifier's
 * canonicalisation: what is signed is the text itself.
 */
export async function writeRim(fields: RimFields): Promise<Bytes> {
  const body = fields.edit?.(unsigned(fields)) ?? unsigned(fields)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-384', utf8(body)))
  const good = signedInfo(base64(digest))
  const info = fields.info?.(good) ?? good
  const canonical = info.replace(
    '<ds:SignedInfo>',
    `<ds:SignedInfo ${ROOT_NAMESPACES.replace(' xmlns:ns0', ` xmlns:ds="${DS}" xmlns:ns0`)}>`,
  )
  const signature = base64(await fields.signer.signRaw(utf8(canonical)))
  const certificates = fields.chain.map(
    (der) => `<ds:X509Certificate>${lines(base64(der))}</ds:X509Certificate>`,
  )
  const element =
    `<ds:Signature xmlns:ds="${DS}">${info}<ds:SignatureValue>${signature}</ds:SignatureValue>` +
    `<ds:KeyInfo><ds:X509Data>${certificates.join('')}</ds:X509Data></ds:KeyInfo></ds:Signature>`
  const whole = `${body.slice(0, -END.length)}${element}${END}`
  return utf8(fields.tamper?.(whole) ?? whole)
}

function unsigned({ version, product, edition, manufacturerId, resources }: RimFields): string {
  const meta =
    `<ns0:Meta xmlns:ns1="${RIM_NAMESPACE}" PayloadType="direct" colloquialVersion="${version}"` +
    ` edition="${edition}" product="${product}" revision="r1"` +
    ` ns1:FirmwareManufacturer="NVIDIA Corporation" ns1:FirmwareManufacturerId="${manufacturerId}"></ns0:Meta>`
  return (
    `<SoftwareIdentity ${ROOT_NAMESPACES} corpus="false" name="${product}" version="1.0">\n` +
    '    <ns0:Entity name="NVIDIA Corporation" role="softwareCreator tagCreator"></ns0:Entity>\n' +
    `    ${meta}\n    <ns0:Payload>\n${resources.map(resource).join('')}    </ns0:Payload>\n${END}`
  )
}

function resource({ index, active, alternatives }: ForgedResource): string {
  const hashes = alternatives.map((value, i) => ` ns2:Hash${i}="${hex(value)}"`)
  return (
    `        <ns0:Resource active="${active ? 'True' : 'False'}" alternatives="${alternatives.length}"` +
    ` index="${index}" name="Measurement_${index}" size="48" type="Measurement"` +
    `${hashes.join('')}></ns0:Resource>\n`
  )
}

function signedInfo(digest: string): string {
  const algorithm = (element: string, uri: string): string =>
    `<ds:${element} Algorithm="${uri}"></ds:${element}>`
  const transforms = [`${DS}enveloped-signature`, C14N].map((uri) => algorithm('Transform', uri))
  return (
    `<ds:SignedInfo>${algorithm('CanonicalizationMethod', C14N)}` +
    `${algorithm('SignatureMethod', `${MORE}ecdsa-sha384`)}<ds:Reference URI="">` +
    `<ds:Transforms>${transforms.join('')}</ds:Transforms>${algorithm('DigestMethod', `${MORE}sha384`)}` +
    `<ds:DigestValue>${digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>`
  )
}

function lines(text: string): string {
  return `${(text.match(/.{1,64}/g) ?? []).join('\n')}\n`
}

/** The RIM service's answer about a document. */
export async function rimAnswer(
  id: string,
  xml: Bytes,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<Bytes> {
  const sha256 = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', concat(xml))))
  return utf8(JSON.stringify({ id, rim: base64(xml), sha256, rim_format: 'TCG', ...fields }))
}
