import type { Bytes } from '#base/bytes.ts'
import { demand } from '../errors.ts'
import { parseEventLog, type RuntimeEvent } from './event-log.ts'
import { type PckAuthority, type PckChain, parsePckChain } from './pck-chain.ts'
import { CERTIFICATION, parseQuote, type Quote, type TdxQuote } from './quote.ts'

/** TDX evidence, parsed and not yet believed. */
export interface TdxEvidence {
  readonly quote: TdxQuote
  readonly chain: PckChain
  /** RTMR3's events; undefined when no log came along. */
  readonly events: readonly RuntimeEvent[] | undefined
}

export interface TdxEvidenceBytes {
  readonly quote: Bytes
  /** The event log as parsed JSON, or its text. */
  readonly eventLog?: unknown
}

/** @throws AttestationError when any part is malformed */
export function parseTdxEvidence({ quote: bytes, eventLog }: TdxEvidenceBytes): TdxEvidence {
  const quote = parseQuote(bytes)
  demand(quote.tee === 'tdx', 'tee-type', 'the quote is of an SGX enclave')
  const events = eventLog === undefined || eventLog === null ? undefined : parseEventLog(eventLog)
  return { quote, chain: chainOfQuote(quote), events }
}

/** The chain inside a quote. Other certification data would need a look-up by the encrypted PPID. */
export function chainOfQuote({ certification }: Quote): PckChain {
  const { type, data } = certification
  demand(type === CERTIFICATION.pckChain, 'chain', `certification data type ${type}`)
  return parsePckChain(data)
}

/** What Intel calls standard and early: early data shows a TCB recovery before it is enforced. */
export type TcbUpdate = 'standard' | 'early'

/** Names of Intel's collateral; see CollateralEntry. */
export function tcbInfoName(tee: Quote['tee'], fmspc: string, update: TcbUpdate): string {
  return `intel/tcb/${tee}/${fmspc}${suffix(update)}`
}

export function qeIdentityName(tee: Quote['tee'], update: TcbUpdate): string {
  return `intel/qe/${tee === 'tdx' ? 'td' : 'sgx'}${suffix(update)}`
}

export function pckCrlName(authority: PckAuthority): string {
  return `intel/crl/${authority}`
}

export const ROOT_CRL_NAME = 'intel/crl/root'

function suffix(update: TcbUpdate): string {
  return update === 'early' ? '/early' : ''
}
