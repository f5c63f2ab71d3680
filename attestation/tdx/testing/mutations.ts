import { type Bytes, utf8 } from '#base/bytes.ts'
import { basicConstraints, pem, type Signer } from '#dev/forge/der.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { FORGED_SERIALS } from '#dev/forge/intel-certificates.ts'
import { isoTime } from '#dev/forge/intel-tcb.ts'
import { tcbInfoName } from '../evidence.ts'
import { type Case, entryOf, NOW, random } from './judge.ts'

/** One flaw that ours refuses. */
export interface Mutation {
  readonly title: string
  readonly flaw: (forge: IntelForge, stranger: Signer) => Case | Promise<Case>
}

export const PCK_CRL = 'intel/crl/platform'
export const ROOT_CRL = 'intel/crl/root'
const SEPT = 1n << 28n
export const bit = (n: number): bigint => SEPT | (1n << BigInt(n))

/** A quote with this chain. */
export const certified = (text: string): Case => ({ quote: { certification: utf8(text) } })

/** Refused by dcap-qvl too. */
export const REFUSED_BY_BOTH: readonly Mutation[] = [
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
]

/** A list in the place of the forge's own. */
export function listed(name: string, body: Bytes): Case {
  return { collateral: { [name]: entryOf(name, body) } }
}

async function informed(forge: IntelForge, body: Bytes): Promise<Case> {
  const name = tcbInfoName('tdx', forge.fmspc, 'standard')
  const headers = { 'tcb-info-issuer-chain': await forge.issuerChain() }
  return { collateral: { [name]: entryOf(name, body, headers) } }
}
