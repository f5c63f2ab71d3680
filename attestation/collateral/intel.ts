import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { parseEnclaveIdentity } from '../tdx/enclave-identity.ts'
import {
  pckCrlName,
  qeIdentityName,
  ROOT_CRL_NAME,
  type TcbUpdate,
  type TdxEvidence,
  tcbInfoName,
} from '../tdx/evidence.ts'
import { readCrl } from '../tdx/intel-chain.ts'
import type { PckAuthority } from '../tdx/pck-chain.ts'
import { ISSUER_CHAIN } from '../tdx/prove-collateral.ts'
import { parseSignedJson, type SignedMember } from '../tdx/signed-json.ts'
import { parseTcbInfo } from '../tdx/tcb-info.ts'
import type { Collateral, CollateralEntry, CollateralLifetime, CollateralRequest } from './entry.ts'

export interface IntelSettings {
  /**
   * Base URL of Intel's provisioning certification service or of a PCCS that mirrors it, without a slash at the end
   * (a PCCS: "https://pccs.example:8081").
   */
  readonly pcs: string
  /** Where the root's revocation list is; a PCCS serves it at `/sgx/certification/v4/rootcacrl`. */
  readonly rootCrl: string
  /** Whether to fetch Intel's early data too, for warning hosts of a coming TCB recovery. */
  readonly early: boolean
}

export const DEFAULT_INTEL_SETTINGS: IntelSettings = {
  pcs: 'https://api.trustedservices.intel.com',
  rootCrl: 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der',
  early: false,
}

const MAX_JSON_BYTES = 262_144
const MAX_CRL_BYTES = 1_048_576
const DAY_SECONDS = 86_400

/**
 * What Intel must still supply for this evidence: TCB info of its FMSPC, the quoting enclave's identity, and both
 * revocation lists. @see Intel PCS API version 4
 */
export function intelRequests(
  { chain }: TdxEvidence,
  have: Collateral,
  settings: IntelSettings,
): readonly CollateralRequest[] {
  const updates: readonly TcbUpdate[] = settings.early ? ['standard', 'early'] : ['standard']
  const requests = [
    rootCrlRequest(settings),
    pckCrlRequest(chain.authority, settings),
    ...updates.flatMap((update) => [
      tcbInfoRequest(chain.pck.fmspc, update, settings),
      qeIdentityRequest(update, settings),
    ]),
  ]
  return requests.filter(({ name }) => !have.has(name))
}

function tcbInfoRequest(
  fmspc: string,
  update: TcbUpdate,
  { pcs }: IntelSettings,
): CollateralRequest {
  return {
    name: tcbInfoName('tdx', fmspc, update),
    url: `${pcs}/tdx/certification/v4/tcb?fmspc=${fmspc}&update=${update}`,
    method: 'GET',
    keep: [ISSUER_CHAIN.tcbInfo],
    maxBytes: MAX_JSON_BYTES,
    lifetime: (entry) => documentLifetime(entry, 'tcbInfo', parseTcbInfo),
  }
}

function qeIdentityRequest(update: TcbUpdate, { pcs }: IntelSettings): CollateralRequest {
  return {
    name: qeIdentityName('tdx', update),
    url: `${pcs}/tdx/certification/v4/qe/identity?update=${update}`,
    method: 'GET',
    keep: [ISSUER_CHAIN.enclaveIdentity],
    maxBytes: MAX_JSON_BYTES,
    lifetime: (entry) => documentLifetime(entry, 'enclaveIdentity', parseEnclaveIdentity),
  }
}

interface Versioned {
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly evaluationNumber: number
}

function documentLifetime(
  { body, fetchedAt }: CollateralEntry,
  member: SignedMember,
  parse: (value: unknown) => Versioned,
): CollateralLifetime {
  const { issueDate, nextUpdate, evaluationNumber } = parse(parseSignedJson(body, member).value)
  const refresh = dailyUntilHalf(fetchedAt, issueDate, nextUpdate)
  const sequence = BigInt(evaluationNumber)
  return { issued: issueDate, expires: nextUpdate, refresh, sequence }
}

function pckCrlRequest(authority: PckAuthority, { pcs }: IntelSettings): CollateralRequest {
  return {
    name: pckCrlName(authority),
    url: `${pcs}/sgx/certification/v4/pckcrl?ca=${authority}&encoding=der`,
    method: 'GET',
    keep: [],
    maxBytes: MAX_CRL_BYTES,
    lifetime: crlLifetime,
  }
}

function rootCrlRequest({ rootCrl }: IntelSettings): CollateralRequest {
  return {
    name: ROOT_CRL_NAME,
    url: rootCrl,
    method: 'GET',
    keep: [],
    maxBytes: MAX_CRL_BYTES,
    lifetime: crlLifetime,
  }
}

/** Intel numbers every list 1, so its time stands for the number: an older list is not taken. */
function crlLifetime({ body, fetchedAt }: CollateralEntry): CollateralLifetime {
  const { thisUpdate, nextUpdate } = readCrl(body)
  const refresh = dailyUntilHalf(fetchedAt, thisUpdate, nextUpdate)
  return { issued: thisUpdate, expires: nextUpdate, refresh, sequence: BigInt(thisUpdate) }
}

/** The root's list lives a year and documents a month; a revocation or a recovery must not wait that long. */
function dailyUntilHalf(fetched: UnixSeconds, from: UnixSeconds, to: UnixSeconds): UnixSeconds {
  const tomorrow = fetched + DAY_SECONDS
  const half = Math.floor((from + to) / 2)
  return unixSeconds(half > fetched ? Math.min(tomorrow, half) : tomorrow)
}
