import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes } from '#base/bytes.ts'
import { type Certificate, OID } from '../../der/certificate.ts'
import { verifyChain } from '../../der/chain.ts'
import { commonName, sameName } from '../../der/names.ts'
import { derChildren, readDer, TAG } from '../../der/reader.ts'
import { type SignatureAlgorithm, verifySignature } from '../../der/signature.ts'
import { oid } from '../../der/values.ts'
import { digestOf } from '../../digest.ts'
import { AttestationError, demand } from '../../errors.ts'
import { type OcspResponse, type OcspStatement, parseOcspResponse, statementAbout } from './ocsp.ts'
import { issuerHashes, publicKeyBits } from './request.ts'
import type { RevocationSubject } from './subjects.ts'

/** id-kp-OCSPSigning. @see RFC 6960 section 4.2.2.2 */
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'
const OCSP_NO_CHECK = '1.3.6.1.5.5.7.48.1.5'

/** Curve and hash are independent: NVIDIA's responders sign with P-384 keys and either hash. */
const ALGORITHMS: readonly SignatureAlgorithm['name'][] = ['ecdsa-sha384', 'ecdsa-sha256']

/**
 * Verifies that an answer is about this certificate and that its issuer stands behind it:
 * 1. exactly one statement is about the certificate, by the issuer's name, key and serial number;
 * 2. the answer is signed by the issuer, or by a delegate that the issuer itself certified for OCSP;
 * 3. the delegate is valid at `now`.
 * What the statement says, and whether its dates cover `now`, is for the caller.
 * @returns the statement, which speaks no longer than its delegate's certificate
 * @throws AttestationError ocsp
 * @see RFC 6960 section 3.2
 */
export async function verifyOcspResponse(
  body: Bytes,
  { certificate, issuer, now }: RevocationSubject & { readonly now: UnixSeconds },
): Promise<OcspStatement> {
  const response = await orOcspFailure(async () => parseOcspResponse(body))
  const used = response.statements.map(({ hash }) => hash)
  const hashes = new Map(
    await Promise.all(used.map(async (hash) => [hash, await issuerHashes(issuer, hash)] as const)),
  )
  const none = { name: new Uint8Array(), key: new Uint8Array() }
  const statement = statementAbout(response, certificate, (hash) => hashes.get(hash) ?? none)
  const signer = await findSigner(response, issuer, now)
  const accepted = ALGORITHMS.includes(response.algorithm.name)
  demand(accepted, 'ocsp', `OCSP answer is signed by ${response.algorithm.name}`)
  const { tbs, signature, algorithm } = response
  const { key } = signer.certificate
  const good = await orOcspFailure(() => verifySignature(key, algorithm, tbs, signature))
  demand(good, 'ocsp', 'OCSP signature is bad')
  const nextUpdate = unixSeconds(Math.min(statement.nextUpdate, signer.validUntil))
  return { ...statement, nextUpdate }
}

interface Signer {
  readonly certificate: Certificate
  readonly validUntil: UnixSeconds
}

async function findSigner(
  response: OcspResponse,
  issuer: Certificate,
  now: UnixSeconds,
): Promise<Signer> {
  // The issuer's own end binds the verdict as part of the path that it belongs to.
  if (await isResponder(response, issuer)) {
    return { certificate: issuer, validUntil: issuer.notAfter }
  }
  for (const delegate of response.certificates) {
    if (!(await isResponder(response, delegate))) continue
    demand(maySignOcsp(delegate), 'ocsp', 'OCSP delegate is not certified for OCSP')
    // Only the issuer itself may delegate: a responder of a sibling authority speaks for nobody here.
    const { validUntil } = await orOcspFailure(() =>
      verifyChain([delegate], {
        anchors: [issuer],
        now,
        algorithms: ALGORITHMS,
        leaf: 'end-entity',
        evaluates: [OID.extendedKeyUsage, OCSP_NO_CHECK],
      }),
    )
    return { certificate: delegate, validUntil }
  }
  throw new AttestationError('ocsp', `OCSP answer is not signed for ${commonName(issuer.subject)}`)
}

async function isResponder({ responder }: OcspResponse, candidate: Certificate): Promise<boolean> {
  if (responder.by === 'name') return sameName(responder.name, candidate.subject)
  return equalBytes(responder.sha1, await digestOf('SHA-1', publicKeyBits(candidate)))
}

function maySignOcsp(certificate: Certificate): boolean {
  const usage = certificate.extensions.get(OID.extendedKeyUsage)
  if (usage === undefined) return false
  return derChildren(readDer(usage.value, TAG.sequence)).some((node) => oid(node) === OCSP_SIGNING)
}

/** Whatever is wrong with a responder's certificate or signature is wrong with its answer. */
async function orOcspFailure<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    if (!(cause instanceof AttestationError)) throw cause
    throw new AttestationError('ocsp', `OCSP responder: ${cause.message}`, { cause })
  }
}
