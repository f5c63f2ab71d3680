import { hex } from '#base/bytes.ts'
import type { Certificate } from '../../der/certificate.ts'
import type { VerifiedChain } from '../../der/chain.ts'

/** A certificate whose revocation matters, with its already verified issuer. */
export interface RevocationSubject {
  readonly certificate: Certificate
  readonly issuer: Certificate
}

/** Every certificate of a verified path with its issuer; the pinned root itself is left out. */
export function subjectsOf({ path }: VerifiedChain): RevocationSubject[] {
  return path.slice(0, -1).flatMap((certificate, i) => {
    const issuer = path[i + 1]
    return issuer === undefined ? [] : [{ certificate, issuer }]
  })
}

/** Boot ROM, provisioner and family: NVIDIA's responder does not answer for a device's leaf. */
export function deviceSubjects(chain: VerifiedChain): RevocationSubject[] {
  return subjectsOf(chain).slice(1)
}

/** Each certificate once: devices and manifests share most of their authorities. */
export function distinctSubjects(
  subjects: readonly RevocationSubject[],
): readonly RevocationSubject[] {
  const byCertificate = subjects.map((entry) => [hex(entry.certificate.raw), entry] as const)
  return [...new Map(byCertificate).values()]
}
