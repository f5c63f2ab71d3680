import { type Bytes, utf8 } from '#base/bytes.ts'
import { basicConstraints, pem, type Signer } from '#dev/forge/der.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { FORGED_SERIALS, intelName } from '#dev/forge/intel-certificates.ts'
import { isoTime, type TcbInfoJson } from '#dev/forge/intel-tcb.ts'
import { tcbInfoName } from '../evidence.ts'
import { type Case, entryOf, NOW, random } from './judge.ts'

/** One flaw that ours refuses; `accepted` says that dcap-qvl does not, and why ours is right. */
export interface Mutation {
  readonly title: string
  readonly flaw: (forge: IntelForge, stranger: Signer) => Case | Promise<Case>
  readonly accepted?: string
}

const PCK_CRL = 'intel/crl/platform'
const ROOT_CRL = 'intel/crl/root'
const SEPT = 1n << 28n
const bit = (n: number): bigint => SEPT | (1n << BigInt(n))

const certified = (text: string): Case => ({ quote: { certification: utf8(text) } })

/** CRLs are evidence only with a signature, an issuer and dates. */
const UNCHECKED_CRL =
  'it only looks serial numbers up; a list must be signed, by this issuer, and current'
/** Attributes and registers are the TD owner's protection. */
const LEFT_TO_CALLER = 'it leaves this field to its caller; ours is closed unless a policy pins it'

export const MUTATIONS: readonly Mutation[] = [
  {
    title: 'a quote by a stranger',
    flaw: (_f, s) => ({ quote: { attestationKey: s.point.subarray(1) } }),
  },
  { title: 'a QE report by a stranger', flaw: (_f, s) => ({ quote: { pckSigner: s } }) },
  {
    title: 'a PCK certificate by a stranger',
    flaw: async (f, signer) => certified(await f.pckChain({ signer })),
  },
  {
    title: 'a PCK certificate that is over',
    flaw: async (f) => certified(await f.pckChain({ fields: { notAfter: NOW - 1 } })),
  },
  {
    title: 'a PCK certificate that is not valid yet',
    flaw: async (f) => certified(await f.pckChain({ fields: { notBefore: NOW + 1 } })),
  },
  {
    title: 'a PCK certificate that is a CA',
    flaw: async (f) =>
      certified(
        await f.pckChain({
          extensions: (list) =>
            list.map((e) => (e.id === '2.5.29.19' ? basicConstraints(true) : e)),
        }),
      ),
  },
  {
    title: 'no SGX extension',
    flaw: async (f) => certified(await f.pckChain({ extensions: (list) => list.slice(0, 2) })),
  },
  {
    title: 'another FMSPC',
    flaw: async (f) => ({
      tcbInfo: (i) => {
        i.fmspc = '00806f050000'
      },
      ...certified(await f.pckChain()),
    }),
  },
  {
    title: 'a chain without its authority',
    flaw: async (f) => certified(pem(await f.pck()) + pem(f.root)),
  },
  {
    title: 'a revoked PCK',
    flaw: async (f) => listed(PCK_CRL, await f.crl({ revoked: [FORGED_SERIALS.pck] })),
  },
  {
    title: 'a revoked authority',
    flaw: async (f) =>
      listed(ROOT_CRL, await f.crl({ of: 'root', revoked: [FORGED_SERIALS.authority] })),
  },
  {
    title: 'a revoked TCB signer',
    flaw: async (f) =>
      listed(ROOT_CRL, await f.crl({ of: 'root', revoked: [FORGED_SERIALS.tcbSigning] })),
  },
  {
    title: 'TCB info by a stranger',
    flaw: async (f, signer) => informed(f, await f.tcbInfo({ signer })),
  },
  {
    title: 'TCB info from the future',
    flaw: () => ({
      tcbInfo: (i) => {
        i.issueDate = isoTime(NOW + 1)
      },
    }),
  },
  {
    title: 'TCB info past its end',
    flaw: () => ({
      tcbInfo: (i) => {
        i.nextUpdate = isoTime(NOW - 1)
      },
    }),
  },
  {
    title: 'a QE identity past its end',
    flaw: () => ({
      qeIdentity: (i) => {
        i.nextUpdate = isoTime(NOW - 1)
      },
    }),
  },
  {
    title: 'SGX’s QE identity',
    flaw: () => ({
      qeIdentity: (i) => {
        i.id = 'QE'
      },
    }),
  },
  {
    title: 'SGX’s TCB info',
    flaw: () => ({
      tcbInfo: (i) => {
        i.id = 'SGX'
      },
    }),
  },
  { title: 'a QE of another signer', flaw: () => ({ quote: { qe: { mrSigner: random(32) } } }) },
  { title: 'a QE of another product', flaw: () => ({ quote: { qe: { isvProdId: 9 } } }) },
  { title: 'a QE below every level', flaw: () => ({ quote: { qe: { isvSvn: 1 } } }) },
  {
    title: 'a revoked QE',
    flaw: () => ({
      qeIdentity: (i) => {
        for (const level of i.tcbLevels) level.tcbStatus = 'Revoked'
      },
    }),
  },
  {
    title: 'a platform below every level',
    flaw: () => ({ quote: { teeTcbSvn: Uint8Array.of(6, 1, 0) } }),
  },
  {
    title: 'a revoked platform',
    flaw: () => ({
      tcbInfo: (i) => {
        for (const level of i.tcbLevels) level.tcbStatus = 'Revoked'
      },
    }),
  },
  {
    title: 'an unknown status',
    flaw: () => ({
      tcbInfo: (i) => {
        for (const level of i.tcbLevels) level.tcbStatus = 'Fine'
      },
    }),
  },
  {
    title: '15 components',
    flaw: () => ({
      tcbInfo: (i) => {
        for (const { tcb } of i.tcbLevels) tcb.tdxtcbcomponents.pop()
      },
    }),
  },
  { title: 'a debug TD', flaw: () => ({ quote: { tdAttributes: bit(0) } }) },
  { title: 'a migratable TD', flaw: () => ({ quote: { version: 5, tdAttributes: bit(29) } }) },
  { title: 'a reserved attribute', flaw: () => ({ quote: { tdAttributes: bit(12) } }) },
  { title: 'no SEPT_VE_DISABLE', flaw: () => ({ quote: { tdAttributes: 0n } }) },
  { title: 'a service TD', flaw: () => ({ quote: { version: 5, mrServiceTd: random(48) } }) },
  {
    title: 'no authentication data',
    flaw: () => ({ quote: { tamper: (quote) => quote.fill(0, 632, 636) } }),
  },

  {
    title: 'a PCK list by a stranger',
    flaw: async (f, signer) => listed(PCK_CRL, await f.crl({ signer })),
    accepted: UNCHECKED_CRL,
  },
  {
    title: 'a PCK list past its end',
    flaw: async (f) => listed(PCK_CRL, await f.crl({ nextUpdate: NOW - 1 })),
    accepted: UNCHECKED_CRL,
  },
  {
    title: 'the other authority’s list',
    flaw: async (f) =>
      listed(PCK_CRL, await f.crl({ issuer: intelName('Intel SGX PCK Processor CA') })),
    accepted: UNCHECKED_CRL,
  },
  {
    title: 'a root list by a stranger',
    flaw: async (f, signer) => listed(ROOT_CRL, await f.crl({ of: 'root', signer })),
    accepted: UNCHECKED_CRL,
  },
  {
    title: 'no lists at all',
    flaw: () => ({ collateral: { [PCK_CRL]: undefined, [ROOT_CRL]: undefined } }),
    accepted: UNCHECKED_CRL,
  },
  {
    title: 'another PCE id',
    flaw: () => ({
      tcbInfo: (i) => {
        i.pceId = '0001'
      },
    }),
    accepted: 'Intel’s rules compare PCEID; TCB info of another PCE says nothing about this one',
  },
  {
    title: 'a QE vendor that is not Intel',
    flaw: () => ({ quote: { qeVendor: random(16) } }),
    accepted: 'only Intel’s quoting enclave is defined',
  },
  {
    title: 'data in the upper half of the QE’s report data',
    flaw: () => ({ quote: { patchQe: (report) => report.set([1], 383) } }),
    accepted:
      'Intel’s quoting enclave leaves it zero; other enclaves of the signer need not mean a binding',
  },
  {
    title: 'a TDX module of another signer',
    flaw: () => ({ quote: { mrSignerSeam: random(48) } }),
    accepted: 'Intel’s rules compare MRSIGNERSEAM: else any module passes',
  },
  {
    title: 'a TDX module with attributes',
    flaw: () => ({ quote: { seamAttributes: Uint8Array.of(1) } }),
    accepted: 'Intel’s rules demand zero: a debug module shows here',
  },
  {
    title: 'a TDX module without an identity',
    flaw: () => ({ quote: { teeTcbSvn: Uint8Array.of(6, 9, 3) } }),
    accepted: 'Intel’s rules demand the identity of the module’s major version',
  },
  {
    title: 'two levels with the same versions',
    flaw: () => ({ tcbInfo: duplicateLevel }),
    accepted: 'two statuses for one TCB leave the answer to their order',
  },
  {
    title: 'a PCK certificate of another name',
    flaw: async (f) =>
      certified(await f.pckChain({ fields: { subject: intelName('Intel SGX QE') } })),
    accepted: 'any end-entity certificate under the authority would do',
  },
  {
    title: 'a chain that links by keys but not by names',
    flaw: async (f) =>
      certified(await f.pckChain({ fields: { issuer: intelName('Intel SGX PCK Processor CA') } })),
    accepted: 'RFC 5280 section 6.1.3: issuer and subject names must be equal',
  },
  {
    title: 'a critical extension that nobody knows',
    flaw: async (f) =>
      certified(
        await f.pckChain({
          extensions: (list) => [...list, { id: '1.2.3', critical: true, value: utf8('x') }],
        }),
      ),
    accepted: 'RFC 5280 section 4.2: unknown critical extensions are refused',
  },
  {
    title: 'PERFMON',
    flaw: () => ({ quote: { tdAttributes: bit(63) } }),
    accepted: LEFT_TO_CALLER,
  },
  {
    title: 'Key Locker',
    flaw: () => ({ quote: { tdAttributes: bit(31) } }),
    accepted: LEFT_TO_CALLER,
  },
  {
    title: 'an XFAM that no TD has',
    flaw: () => ({ quote: { xfam: 0n } }),
    accepted: 'the TDX module fixes these bits: such a report is not one of a TD',
  },
  {
    title: 'a configuration register',
    flaw: () => ({ quote: { mrConfigId: random(48) } }),
    accepted: LEFT_TO_CALLER,
  },
  {
    title: 'an unexplained RTMR3',
    flaw: () => ({ quote: { rtmr3: random(48) } }),
    accepted: LEFT_TO_CALLER,
  },
]

function listed(name: string, body: Bytes): Case {
  return { collateral: { [name]: entryOf(name, body) } }
}

async function informed(forge: IntelForge, body: Bytes): Promise<Case> {
  const name = tcbInfoName('tdx', forge.fmspc, 'standard')
  const headers = { 'tcb-info-issuer-chain': await forge.issuerChain() }
  return { collateral: { [name]: entryOf(name, body, headers) } }
}

function duplicateLevel({ tcbLevels }: TcbInfoJson): void {
  const [level] = tcbLevels
  if (level !== undefined) tcbLevels.push({ ...level, tcbStatus: 'Revoked' })
}
