import { utf8 } from '#base/bytes.ts'
import { intelName } from '#dev/forge/intel-certificates.ts'
import type { TcbInfoJson } from '#dev/forge/intel-tcb.ts'
import { NOW, random } from './judge.ts'
import { bit, certified, listed, type Mutation, PCK_CRL, ROOT_CRL } from './mutations.ts'

/** CRLs are evidence only with a signature, an issuer and dates. */
const UNCHECKED_CRL =
  'it only looks serial numbers up; a list must be signed, by this issuer, and current'
/** Attributes and registers are the TD owner's protection. */
const LEFT_TO_CALLER = 'it leaves this field to its caller; ours is closed unless a policy pins it'

/** Flaws that dcap-qvl accepts, with the reason why refusing them is right. */
export const ACCEPTED_BY_QVL: readonly (Mutation & { readonly accepted: string })[] = [
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

function duplicateLevel({ tcbLevels }: TcbInfoJson): void {
  const [level] = tcbLevels
  if (level !== undefined) tcbLevels.push({ ...level, tcbStatus: 'Revoked' })
}
