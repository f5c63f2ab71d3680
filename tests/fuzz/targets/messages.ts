import { hex } from '#base/bytes.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import {
  formatSubject,
  generateSealingKey,
  type Keyset,
  keysetDigest,
  newRequestId,
  ProtocolError,
  PURPOSE,
  parseAccountRequest,
  parseCapabilities,
  parseChallengeAnswer,
  parseChequeRequest,
  parseExitCancel,
  parseExitRequest,
  parseHeartbeatAnswer,
  parseHeartbeatRequest,
  parseKeyset,
  parseReceipt,
  parseReceiptBatch,
  parseReceiptBatchAnswer,
  parseRegisterAnswer,
  parseRegisterRequest,
  parseReport,
  parseReservesProof,
  parseServingConstraints,
  parseSignInRequest,
  parseTonProof,
  parseTunnelProof,
  receiptJson,
  signHeartbeat,
  signReceipt,
  signRegistration,
  signTunnel,
  type UnsignedReceipt,
} from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'
import { type FuzzTarget, target } from '../engine/target.ts'
import { jsonBytes, jsonOf } from './texts.ts'

export const NOW = 1_800_000_000
export const MODEL = 'demo-1m'
export const PATH = '/v1/chat/completions'
export const SESSION = 'ab'.repeat(32)
const ADDRESS = `0:${'11'.repeat(32)}`
const DIGEST = `sha256:${'cd'.repeat(32)}`
const ACCOUNT = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const GATEWAY = 'https://gateway.example'
const RUNNER = `run_${'ab'.repeat(10)}`
const SIGNATURE = 'ef'.repeat(64)
export const PRICE = {
  input: nanoPerMillion(100_000n),
  cached: nanoPerMillion(10_000n),
  output: nanoPerMillion(300_000n),
}

export const signer = generateSigner('receipt-1')
export const sealingKey = await generateSealingKey(nodeProvider.suites['ehbp-x25519'])
export const keyset: Keyset = {
  subject: formatSubject({ gpu: 'none', model: MODEL, payee: ADDRESS, weights: DIGEST }),
  not_after: NOW + 3_600,
  receipt_signing_keys: [
    { key_id: 'receipt-1', algo: 'ed25519', public_key: hex(signer.publicKey) },
  ],
  e2ee_public_keys: [
    { key_id: 'seal-1', algo: 'ehbp-x25519', public_key: hex(sealingKey.publicKey) },
  ],
  tls_public_keys: [{ spki_sha256: '0e'.repeat(32), domain: 'runner.example' }],
}

export const unsignedReceipt: UnsignedReceipt = {
  receipt_id: newRequestId((length) => new Uint8Array(length).fill(7)),
  chat_id: 'chatcmpl-1',
  model: MODEL,
  workload_keyset_digest: keysetDigest(keyset),
  endpoint: PATH,
  served_at: NOW,
  event_log: [
    { type: 'request.received', body_hash: DIGEST },
    {
      type: 'usage.metered',
      request: newRequestId((length) => new Uint8Array(length).fill(7)),
      attempt: 1,
      prompt_tokens: 15,
      cached_tokens: 5,
      completion_tokens: 20,
      reasoning_tokens: 0,
      stop_reason: 'normal',
      price: PRICE,
      cost: nano(8n),
      payee: ADDRESS,
    },
    {
      type: 'plaintext.committed',
      algo: 'hmac-sha256',
      request: '01'.repeat(32),
      response: '02'.repeat(32),
    },
    { type: 'response.returned', body_hash: DIGEST },
  ],
}
export const receipt = signReceipt(unsignedReceipt, signer)

const report = {
  api_version: 'aci/1',
  workload_keyset_digest: keysetDigest(keyset),
  attestation: {
    tee_type: 'sev-snp',
    workload_keyset: keyset,
    report_data: '0c'.repeat(64),
    evidence: { tee: { type: 'sev-snp', report: 'AAAA' } },
  },
} as const
const capabilities = {
  endpoints: ['/v1/chat/completions', '/v1/embeddings'],
  supported_parameters: ['max_tokens', 'stop'],
  input_modalities: ['text', 'image'],
} as const
export const tunnelClaim = { gateway: GATEWAY, runnerId: RUNNER, challenge: 'fa'.repeat(32) }
export const heartbeat = signHeartbeat(
  { gateway: GATEWAY, runner_id: RUNNER, sequence: 7, in_flight: 1, capacity: 8, at: NOW },
  signer,
)
export const registration = signRegistration(
  {
    gateway: GATEWAY,
    challenge: 'fa'.repeat(32),
    payee: ADDRESS,
    transport: { kind: 'direct', url: 'https://runner.example' },
    model: {
      id: MODEL,
      context_length: 4_096,
      max_output_tokens: 1_024,
      price_coefficient_bps: 10_000,
      capabilities,
    },
    capacity: 8,
    sequence: 1,
    keyset_digest: keysetDigest(keyset),
  },
  report,
  signer,
)
const tonProof = {
  address: ADDRESS,
  state_init: 'te6cckEBAQEAAgAAAEysuc0=',
  proof: {
    timestamp: NOW,
    domain: { lengthBytes: 15, value: 'gateway.example' },
    payload: 'cocoon-sign-in/v1/subject/nonce',
    signature: `${'A'.repeat(86)}==`,
  },
}

type Read = (value: unknown, path: string) => unknown

/** Every message of `protocol/`: its parser, and one of each of its forms. */
const MESSAGES: readonly (readonly [name: string, file: string, parse: Read, ...unknown[]])[] = [
  ['keyset', 'keyset', parseKeyset, keyset],
  ['receipt', 'receipt', parseReceipt, receiptJson(receipt)],
  ['report', 'registration', parseReport, { ...report, service_capabilities: {} }],
  ['registration', 'registration', parseRegisterRequest, registration],
  [
    'challenge',
    'registration',
    parseChallengeAnswer,
    { challenge: 'fa'.repeat(32), gateway: GATEWAY, expires_at: NOW },
  ],
  [
    'register answer',
    'registration',
    parseRegisterAnswer,
    {
      runner_id: RUNNER,
      lease: { expires_at: NOW, heartbeat_seconds: 30 },
      session_id: SESSION,
      allowance_enc: '0a'.repeat(32),
      origin: 'https://r.example',
      till: { address: ADDRESS },
      meter_key: '0b'.repeat(32),
    },
  ],
  ['heartbeat', 'registration', parseHeartbeatRequest, heartbeat],
  [
    'heartbeat answer',
    'registration',
    parseHeartbeatAnswer,
    {
      lease: { expires_at: NOW, heartbeat_seconds: 30 },
      settlement: {
        voucher: { till: ADDRESS, payee: ADDRESS, cumulative: '5', signature: SIGNATURE },
        charges: [{ a: 1 }],
      },
    },
  ],
  ['capabilities', 'capabilities', parseCapabilities, capabilities],
  ['tunnel proof', 'tunnel', parseTunnelProof, signTunnel(tunnelClaim, signer)],
  [
    'receipt batch',
    'delivery',
    parseReceiptBatch,
    { runner: RUNNER, receipts: [{ receipt: receiptJson(receipt), ref: 'b3Bh' }] },
  ],
  [
    'receipt batch answer',
    'delivery',
    parseReceiptBatchAnswer,
    {
      results: [
        { receipt_id: receipt.receipt_id, status: 'settled', host: '8' },
        {
          receipt_id: receipt.receipt_id,
          status: 'refused',
          refusal: {
            purpose: PURPOSE.refusal,
            gateway: GATEWAY,
            runner: RUNNER,
            receipt_id: receipt.receipt_id,
            reason: 'not_charged',
            at: NOW,
          },
          signature: SIGNATURE,
        },
      ],
    },
  ],
  [
    'account request',
    'account',
    parseAccountRequest,
    {
      keys: {
        owner: ADDRESS,
        owner_key: '0a'.repeat(32),
        spend_key: '0b'.repeat(32),
        salt: '0c'.repeat(16),
      },
      mode: 'sovereign',
      issued_at: NOW,
      nonce: '0d'.repeat(16),
      signature: SIGNATURE,
    },
  ],
  [
    'sign-in',
    'account',
    parseSignInRequest,
    { account: ACCOUNT, nonce: '0d'.repeat(16), signature: SIGNATURE },
    { account: ACCOUNT, nonce: '0d'.repeat(16), ton_proof: tonProof },
  ],
  [
    'cheque',
    'account',
    parseChequeRequest,
    { till: ADDRESS, account: ACCOUNT, fee_bps: 500, cumulative: '12', signature: SIGNATURE },
  ],
  [
    'exit request',
    'account',
    parseExitRequest,
    { till: ADDRESS, account: ACCOUNT },
    { till: ADDRESS, account: ACCOUNT, order: { to: ADDRESS, nonce: 1, signature: SIGNATURE } },
  ],
  [
    'exit cancel',
    'account',
    parseExitCancel,
    { till: ADDRESS, account: ACCOUNT, nonce: 1, signature: SIGNATURE },
  ],
  ['ton_proof', 'ton-proof', parseTonProof, tonProof],
  [
    'reserves proof',
    'reserves',
    parseReservesProof,
    {
      account: ACCOUNT,
      balance: '5',
      salt: '0c'.repeat(16),
      path: [{ side: 'left', hash: '0d'.repeat(32), sum: '9' }],
      root: '0e'.repeat(32),
      sum: '14',
    },
  ],
  [
    'serving constraints',
    'serving-constraints',
    parseServingConstraints,
    { aci_verified: true, aci_session_ids: [SESSION], only: ['a'] },
  ],
]

export function messageTargets(): readonly FuzzTarget[] {
  return MESSAGES.map(([name, file, parse, ...messages]) =>
    target({
      name,
      file: `protocol/${file}.ts`,
      grammar: 'json',
      corpus: messages.map(jsonBytes),
      errors: [ProtocolError],
      parse: (b) => parse(jsonOf(b), name),
    }),
  )
}
