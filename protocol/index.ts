/**
 * What two parties must agree on, byte for byte. SPEC.md holds the rules; this is the only file that other
 * folders import (besides `#protocol/node`).
 */

export {
  type AccountRequest,
  ANY_ACCOUNT,
  accountId,
  accountStatement,
  type ChequeRequest,
  type ExitCancel,
  type ExitRequest,
  parseAccountRequest,
  parseChequeRequest,
  parseExitCancel,
  parseExitRequest,
  parseSignInRequest,
  parseWalletLink,
  type SignInRequest,
  signInStatement,
  type WalletLink,
} from './account.ts'
export { type Allowance, MAX_ATTEMPT, openAllowance, sealAllowance } from './allowance.ts'
export { allowanceKeyFromEnc, openAllowanceContext } from './allowance-key.ts'
export {
  type Capabilities,
  ENDPOINTS,
  MODALITIES,
  type Modality,
  parseCapabilities,
} from './capabilities.ts'
export { costOf, type Prices, type TokenCounts } from './cost.ts'
export { countMedia } from './count-media.ts'
export type {
  Aead,
  Bodies,
  BodyKeys,
  BodyOpener,
  BodySealer,
  CryptoMode,
  FrameObserver,
  Hasher,
  Hashes,
  MacKey,
  Provider,
  Result,
  Signer,
  Texts,
} from './crypto.ts'
export {
  parseReceiptBatch,
  parseReceiptBatchAnswer,
  type ReceiptBatch,
  type ReceiptBatchAnswer,
  type Refusal,
  signRefusal,
} from './delivery.ts'
export { type Envelope, type HeaderReader, MAX_COUNTER, readEnvelope } from './envelope.ts'
export {
  PROTOCOL_ERRORS,
  type ProtocolAction,
  ProtocolError,
  type ProtocolErrorCode,
} from './errors.ts'
export { type FormPart, parseForm } from './form.ts'
export { FrameDecoder, MAX_FRAME_BYTES } from './frame.ts'
export { gatewayOrigin, gatewaySubject } from './gateway-subject.ts'
export {
  decodeHead,
  type EncodedHead,
  encodeHead,
  type HeadInput,
  type SealedHead,
} from './head.ts'
export { newRequestId, receiptId } from './ids.ts'
export { type KeyConfig, marshalKeyConfig, parseKeyConfig } from './key-config.ts'
export {
  openRelease,
  parseRelease,
  parseReleaseRequest,
  type Release,
  type ReleaseBinding,
  type ReleaseRequest,
  sealRelease,
} from './key-release.ts'
export {
  contentAddress,
  gpuNonce,
  type Keyset,
  keysetDigest,
  parseKeyset,
  preferredSealingKey,
  receiptKeyOf,
  reportData,
  sealingKeyOf,
  statement,
} from './keyset.ts'
export {
  ACI_HEADER,
  ACI_VERSION,
  HEADER,
  HPKE_KEYS_PATH,
  HPKE_KEYS_TYPE,
  KEY_CONFIG_PROBLEM,
  PROBLEM_TYPE,
  PURPOSE,
  TON_PROOF,
  TUNNEL_PATH,
  TUNNEL_PROTOCOL,
} from './labels.ts'
export {
  type OpenedRequest,
  openRequest,
  type RequestFacts,
  type RunnerKeys,
} from './open-request.ts'
export {
  bucketFor,
  COALESCE_MS,
  JSON_BUCKETS_BYTES,
  PACE,
  padJson,
  padSse,
  SEAL_ROOM_BYTES,
  SSE_BUCKETS_BYTES,
} from './padding.ts'
export { type Problem, problemCode, toProblem } from './problem.ts'
export { MEDIA_TOKENS, promptBound, TEMPLATE_TOKENS } from './prompt-bound.ts'
export {
  type MeteredUsage,
  parseReceipt,
  type Receipt,
  type ReceiptEvent,
  receiptEvent,
  receiptJson,
  type StopReason,
  signReceipt,
  type UnsignedReceipt,
  verifyDocument,
  verifyReceipt,
} from './receipt.ts'
export {
  isReceiptFrame,
  jsonFrameBeforeReceipt,
  jsonReceiptFrame,
  receiptOfFrame,
  sseReceiptFrame,
} from './receipt-frame.ts'
export {
  formatRecoveryToken,
  parseRecoveryToken,
  type RecoveryToken,
} from './recovery-token.ts'
export {
  type ChallengeAnswer,
  type Heartbeat,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  parseChallengeAnswer,
  parseHeartbeatAnswer,
  parseHeartbeatRequest,
  parseRegisterAnswer,
  parseRegisterRequest,
  parseReport,
  type RegisterAnswer,
  type RegisterRequest,
  type Registration,
  type Report,
  signHeartbeat,
  signRegistration,
  type Transport,
  verifyHeartbeat,
  verifyRegistration,
} from './registration.ts'
export { ReplayGuard } from './replay.ts'
export {
  parseReservesProof,
  type ReservesLeaf,
  type ReservesProof,
  reservesLeaf,
  reservesNode,
  type SumNode,
  verifyReservesProof,
} from './reserves.ts'
export { RESPONSE_NONCE_BYTES } from './response.ts'
export { openerFromToken, type SealedRequest, sealRequest } from './seal-request.ts'
export {
  NO_CONSTRAINTS,
  parseServingConstraints,
  type ServingConstraints,
} from './serving-constraints.ts'
export { openSession, SESSION_SECONDS, Session, type SessionRequest } from './session.ts'
export { SessionTable } from './session-table.ts'
export { formatSubject, parseSubject, type Subject } from './subject.ts'
export {
  generateSealingKey,
  type SealingKey,
  type Suite,
  type SuiteName,
  type Suites,
} from './suite.ts'
export {
  parseTonProof,
  type TonProof,
  type TonProofBinding,
  type TonProofPayload,
  type TonProofPurpose,
  tonProofPayload,
} from './ton-proof.ts'
export {
  type BodyDigests,
  checkReceiptBodies,
  readCommitmentKey,
  requestDigests,
  Transcript,
} from './transcript.ts'
export {
  audioTokens,
  parseTranscription,
  type Transcription,
  type TranscriptionBound,
  transcriptionBound,
} from './transcription.ts'
export {
  MAX_TUNNEL_PROOF_BYTES,
  parseTunnelProof,
  signTunnel,
  type TunnelProof,
  verifyTunnel,
} from './tunnel.ts'
export { agreeVersion, offeredVersions } from './version.ts'
export { webProvider } from './web.ts'
