import { type Bytes, utf8 } from '#base/bytes.ts'
import { forgeIntel } from '#dev/forge/intel.ts'
import { forgeEventLog } from '#dev/forge/intel-event-log.ts'
import { forgedQeIdentity, forgedTcbInfo } from '#dev/forge/intel-tcb.ts'
import { parseStrictJson } from '../strict-json.ts'
import { parseEnclaveIdentity } from '../tdx/enclave-identity.ts'
import { parseEventLog, replayRtmr3 } from '../tdx/event-log.ts'
import { parseTdxEvidence } from '../tdx/evidence.ts'
import { readCrl } from '../tdx/intel-chain.ts'
import { parsePckChain } from '../tdx/pck-chain.ts'
import { parseQuote } from '../tdx/quote.ts'
import { parseSignedJson } from '../tdx/signed-json.ts'
import { parseTcbInfo } from '../tdx/tcb-info.ts'
import { PEM_PIECES } from './fuzz-words.ts'
import type { ParserTarget } from './parser-target.ts'

const NOW = 1_764_000_000
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
const text = (bytes: Bytes): string => new TextDecoder().decode(bytes)
const jsonBytes = (value: unknown): Bytes => utf8(JSON.stringify(value))

/** Every parser of TDX quotes, their certificates, Intel's documents and event logs. */
export async function intelTargets(): Promise<ParserTarget[]> {
  const forge = await forgeIntel({ random, now: NOW })
  const quotes = [await forge.quote(), await forge.quote({ version: 5, trailing: random(9) })]
  const { tcb, fmspc, pceId } = forge
  const { eventLog } = await forgeEventLog([['app-id', random(20)]])
  return [
    { name: 'quote', file: 'tdx/quote.ts', parse: parseQuote, seeds: quotes },
    {
      name: 'TDX evidence',
      file: 'tdx/evidence.ts',
      parse: (b) => parseTdxEvidence({ quote: b, eventLog }),
      seeds: quotes,
    },
    {
      name: 'PCK chain',
      file: 'tdx/pck-chain.ts',
      dictionary: PEM_PIECES,
      parse: parsePckChain,
      seeds: [utf8(await forge.pckChain())],
    },
    {
      name: 'signed document',
      file: 'tdx/signed-json.ts',
      grammar: 'json',
      parse: (b) => parseTcbInfo(parseSignedJson(b, 'tcbInfo').value),
      seeds: [await forge.tcbInfo()],
    },
    {
      name: 'TCB info',
      file: 'tdx/tcb-info.ts',
      grammar: 'json',
      parse: (b) => parseTcbInfo(parseStrictJson(text(b), 'TCB info')),
      seeds: [jsonBytes(forgedTcbInfo({ now: NOW, fmspc, pceId, tcb }))],
    },
    {
      name: 'enclave identity',
      file: 'tdx/enclave-identity.ts',
      grammar: 'json',
      parse: (b) => parseEnclaveIdentity(parseStrictJson(text(b), 'identity')),
      seeds: [jsonBytes(forgedQeIdentity(NOW))],
    },
    {
      name: 'event log',
      file: 'tdx/event-log.ts',
      grammar: 'json',
      parse: (b) => replayRtmr3(parseEventLog(text(b))),
      seeds: [jsonBytes(eventLog)],
    },
    {
      name: 'Intel CRL',
      file: 'tdx/intel-chain.ts',
      grammar: 'der',
      parse: readCrl,
      seeds: [await forge.crl({ revoked: [1, 2] })],
    },
  ]
}
