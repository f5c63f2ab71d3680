import type { Random } from '#base/brand.ts'
import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes } from '#base/bytes.ts'
import type { Certificate } from '../der/certificate.ts'
import { parseCrl } from '../der/crl.ts'
import { commonName } from '../der/names.ts'
import { demand } from '../errors.ts'
import type { GpuEvidenceBytes } from '../evidence.ts'
import { deviceIdentity } from '../nvidia/device.ts'
import { type NvidiaEvidence, parseNvidiaEvidence } from '../nvidia/evidence.ts'
import { DEFAULT_NVIDIA_POLICY } from '../nvidia/policy.ts'
import { rimName } from '../nvidia/references.ts'
import { parseOcspResponse } from '../nvidia/revocation/ocsp.ts'
import { ocspRequest } from '../nvidia/revocation/request.ts'
import { nvidiaCrlName, ocspName } from '../nvidia/revocation/status.ts'
import { distinctSubjects, type RevocationSubject } from '../nvidia/revocation/subjects.ts'
import { rimReferences } from '../nvidia/rim/ids.ts'
import { parseRimManifest } from '../nvidia/rim/manifest.ts'
import { parseRimAnswer } from '../nvidia/rim/service.ts'
import type { Collateral, CollateralLifetime, CollateralRequest } from './entry.ts'
import { nrasRequests } from './nras.ts'

export interface NvidiaSettings {
  /** Base URLs without a slash at the end. */
  readonly rim: string
  readonly ocsp: string
  readonly crl: string
  readonly nras: string
  /** Who judges reference values; as in the policy. */
  readonly references: 'local' | 'nras' | 'both'
  /** Whether revocation lists are fetched beside OCSP answers, for bundles. */
  readonly revocationLists: boolean
  /** NVIDIA's service key; sent to the RIM and attestation services only. */
  readonly serviceKey: string | undefined
  /** For OCSP nonces. */
  readonly random: Random
}

export const DEFAULT_NVIDIA_SETTINGS: Omit<NvidiaSettings, 'random'> = {
  rim: 'https://rim.attestation.nvidia.com',
  ocsp: 'https://ocsp.ndis.nvidia.com',
  crl: 'https://crl.ndis.nvidia.com',
  nras: 'https://nras.attestation.nvidia.com',
  references: 'local',
  revocationLists: false,
  serviceKey: undefined,
}

const MAX_RIM_ANSWER_BYTES = 524_288
const MAX_OCSP_BYTES = 65_536
const MAX_CRL_BYTES = 1_048_576
const DAY_SECONDS = 86_400
const NONCE_BYTES = 32

/**
 * What NVIDIA's services must still supply for this evidence: the manifests that it names, revocation answers for its
 * own certificates and (once they are at hand) for the manifests' signers, and the attestation service's answer with
 * its key set if the settings ask for them.
 */
export async function nvidiaRequests(
  gpu: GpuEvidenceBytes,
  have: Collateral,
  settings: NvidiaSettings,
): Promise<readonly CollateralRequest[]> {
  const evidence = parseNvidiaEvidence(gpu)
  const judged = evidence.devices.filter(({ chain }) => {
    return settings.references !== 'nras' || deviceIdentity(chain).kind === 'switch'
  })
  const manifests = rimIds({ ...evidence, devices: judged })
  const subjects = distinctSubjects([
    ...judged.flatMap(({ chain }) => linksOf(chain).slice(1)),
    ...manifests.flatMap((id) => signerLinks(have.get(rimName(id))?.body)),
  ])
  const requests = [
    ...manifests.map((id) => rimRequest(id, settings)),
    ...(await Promise.all(subjects.map((subject) => revocationRequests(subject, settings)))).flat(),
    ...(settings.references === 'local' ? [] : await nrasRequests(gpu, evidence, have, settings)),
  ]
  return requests.filter(({ name }) => !have.has(name))
}

function rimIds({ devices }: NvidiaEvidence): readonly string[] {
  const ids = devices.flatMap(({ chain, transcript }) =>
    rimReferences(deviceIdentity(chain), transcript.opaque).map(({ id }) => id),
  )
  return [...new Set(ids)]
}

/** Certificates with the issuers that stand next to them; unverified, which only matters for what is asked. */
function linksOf(chain: readonly Certificate[]): RevocationSubject[] {
  return chain.slice(0, -1).flatMap((certificate, i) => {
    const issuer = chain[i + 1]
    return issuer === undefined ? [] : [{ certificate, issuer }]
  })
}

function signerLinks(answer: Bytes | undefined): RevocationSubject[] {
  if (answer === undefined) return []
  return linksOf(parseRimManifest(parseRimAnswer(answer).xml).signature.chain)
}

function rimRequest(id: string, { rim, serviceKey }: NvidiaSettings): CollateralRequest {
  return {
    name: rimName(id),
    url: `${rim}/v1/rim/${encodeURIComponent(id)}`,
    method: 'GET',
    ...(serviceKey === undefined ? {} : { send: { authorization: `Bearer ${serviceKey}` } }),
    keep: [],
    maxBytes: MAX_RIM_ANSWER_BYTES,
    // Manifests are signed again from time to time; one whose signer ended is no use.
    lifetime: ({ body, fetchedAt }): CollateralLifetime => {
      const answer = parseRimAnswer(body)
      demand(answer.id === id, 'rim-mismatch', 'RIM service answered for another id')
      const { chain } = parseRimManifest(answer.xml).signature
      const expires = Math.min(...chain.map(({ notAfter }) => notAfter))
      return { expires: unixSeconds(expires), refresh: after(fetchedAt, DAY_SECONDS) }
    },
  }
}

async function revocationRequests(
  subject: RevocationSubject,
  settings: NvidiaSettings,
): Promise<CollateralRequest[]> {
  const list = settings.revocationLists ? crlRequest(subject.issuer, settings) : undefined
  return [await ocspExchange(subject, settings), ...(list === undefined ? [] : [list])]
}

async function ocspExchange(
  subject: RevocationSubject,
  { ocsp, random }: NvidiaSettings,
): Promise<CollateralRequest> {
  const nonce = random(NONCE_BYTES)
  return {
    name: ocspName(subject),
    url: ocsp,
    method: 'POST',
    body: await ocspRequest(subject.certificate, subject.issuer, nonce),
    send: { 'content-type': 'application/ocsp-request', accept: 'application/ocsp-response' },
    keep: [],
    maxBytes: MAX_OCSP_BYTES,
    lifetime: ({ body }): CollateralLifetime => {
      const { statements } = parseOcspResponse(body)
      const from = Math.min(...statements.map(({ thisUpdate }) => thisUpdate))
      // No longer than the default policy takes an answer, whatever its own dates allow.
      const limit = from + DEFAULT_NVIDIA_POLICY.maxRevocationAgeSeconds
      const expires = Math.min(limit, ...statements.map(({ nextUpdate }) => nextUpdate))
      const half = unixSeconds(Math.floor((from + expires) / 2))
      return { issued: unixSeconds(from), expires: unixSeconds(expires), refresh: half }
    },
    // Only a fresh answer can repeat our nonce; a kept one lives by its own dates.
    accept: ({ body }) => {
      const repeated = parseOcspResponse(body).nonce
      const same = repeated !== undefined && equalBytes(repeated, nonce)
      demand(same, 'ocsp', 'OCSP answer does not repeat the nonce')
    },
  }
}

/** Lists by their issuers' common names; authorities without one answer by OCSP only. */
const CRL_PATHS: readonly (readonly [RegExp, string])[] = [
  [/^NVIDIA Device Identity CA$/, '/crl/l1-root.crl'],
  [/^NVIDIA (\w+) Identity$/, '/crl/l2-$1.crl'],
  [/^NVIDIA CoRIM signing Root CA$/, '/crl-corim/l1-corim'],
]

function crlRequest(issuer: Certificate, { crl }: NvidiaSettings): CollateralRequest | undefined {
  const name = commonName(issuer.subject) ?? ''
  const known = CRL_PATHS.find(([pattern]) => pattern.test(name))
  if (known === undefined) return undefined
  return {
    name: nvidiaCrlName(issuer),
    url: `${crl}${name.replace(...known).toLowerCase()}`,
    method: 'GET',
    keep: [],
    maxBytes: MAX_CRL_BYTES,
    lifetime: ({ body, fetchedAt }): CollateralLifetime => {
      const { thisUpdate, nextUpdate, number } = parseCrl(body)
      const refresh = after(fetchedAt, DAY_SECONDS)
      return { issued: thisUpdate, expires: nextUpdate, refresh, sequence: number }
    },
  }
}

function after(time: UnixSeconds, seconds: number): UnixSeconds {
  return unixSeconds(time + seconds)
}
