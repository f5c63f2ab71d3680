import {
  checkReceiptBodies,
  type MeteredUsage,
  ProtocolError,
  type Receipt,
  receiptId,
  receiptOfFrame,
} from '#protocol'
import { ApiError, type ApiErrorCode } from '../errors.ts'
import { codeOf } from '../log.ts'
import { type ReceiptRefusal, settleReceipt } from '../receipts/settle-receipt.ts'
import { type Failure, isBusy, type PlainOutcome } from '../relay/plain-outcome.ts'
import { sendWhole } from '../relay/send-whole.ts'
import { noteFailure, noteThroughput } from '../runners/score.ts'
import { countFault } from '../runners/tally.ts'
import type { InferenceDeps } from './deps.ts'
import { release } from './release.ts'
import type { InferenceRequest } from './request.ts'
import type { SentTry } from './send-plain.ts'

/**
 * Ends a request after its last attempt. What the client got is settled by the receipt inside the answer; without
 * one (the client left, the runner was lost) the hold waits for the runner's outbox. What it did not get is given back.
 * @returns the outcome's name
 * @throws ApiError when the client has got nothing
 */
export async function concludePlain(
  deps: InferenceDeps,
  request: InferenceRequest,
  sent: SentTry,
): Promise<string> {
  const { outcome } = sent
  if (outcome.kind === 'refused' || outcome.kind === 'failed') {
    await giveBack(deps, request, sent)
    const how = outcome.kind === 'failed' ? outcome.how : 'refused'
    const [code, message] = isBusy(outcome) ? BUSY : FAILURES[how]
    throw new ApiError(code, message)
  }
  deps.proofs.close(receiptId(request.id, sent.number))
  if (outcome.kind === 'failed_sealed') {
    sendWhole(request.client, outcome.status, sent.headers, outcome.body)
  }
  // The client knows already how it ended.
  if (isUnproven(outcome)) await giveBack(deps, request, sent).catch(() => {})
  else if (sent.transcript.receiptFrame === undefined) noteProven(deps, request, sent)
  else deps.pending.track(request.identity.account, settleAnswer(deps, request, sent))
  return outcome.kind
}

/** Nothing of it is charged, whatever receipt comes: nobody was asked, or the runner broke the protocol. */
function isUnproven(outcome: PlainOutcome): boolean {
  if (outcome.kind === 'gone') return !outcome.sent
  return outcome.kind === 'lost' && (outcome.how === 'unauthentic' || outcome.how === 'endless')
}

/** Its receipt comes by the outbox, if at all: each token that the client got was a byte at least. */
function noteProven(deps: InferenceDeps, request: InferenceRequest, sent: SentTry): void {
  const { bound, outcome, number } = sent
  const seen = 'bytes' in outcome ? outcome.bytes : bound.completionTokens
  deps.proofs.note(receiptId(request.id, number), {
    promptTokens: bound.promptTokens,
    completionTokens: Math.min(bound.completionTokens, seen),
  })
}

const BUSY = ['overloaded', 'Every runner of this model is busy'] as const
const UNREACHABLE = ['runner_unreachable', 'No runner of this model took the request'] as const
const FAILURES = {
  refused: UNREACHABLE,
  full: BUSY,
  broken: UNREACHABLE,
  unsafe: UNREACHABLE,
  unauthentic: ['runner_misbehaved', 'The runner’s answer was not authentic; nothing was charged'],
  endless: ['runner_misbehaved', 'The runner’s answer did not end; nothing was charged'],
  timeout: ['runner_timeout', 'The runner did not answer in time'],
} as const satisfies Record<Failure, readonly [ApiErrorCode, string]>

/** Settles by the receipt that ended the answer. A receipt that lies is not charged at all. Never rejects. */
async function settleAnswer(
  deps: InferenceDeps,
  request: InferenceRequest,
  sent: SentTry,
): Promise<void> {
  const { runner } = sent
  const receipt = receiptId(request.id, sent.number)
  try {
    const code = await settleFrame(deps, request, sent)
    if (code === undefined) return
    deps.log('warn', 'receipt not charged', { receipt, runner: runner.id, code })
    if (code === 'signature_invalid' || code === 'receipt_mismatch') {
      runner.load.score = noteFailure(runner.load.score, 'lied', deps.clock())
      countFault(runner.load.tally, 'receipt_refused')
      await giveBack(deps, request, sent)
    }
  } catch (error) {
    // The outbox brings the same receipt again.
    deps.log('error', 'receipt not settled', { receipt, runner: runner.id, code: codeOf(error) })
  }
}

/** @returns why the receipt was not charged, if it was not */
async function settleFrame(
  deps: InferenceDeps,
  request: InferenceRequest,
  sent: SentTry,
): Promise<ReceiptRefusal | undefined> {
  const frame = sent.transcript.receiptFrame
  if (frame === undefined) return 'receipt_mismatch'
  let receipt: Receipt
  try {
    receipt = receiptOfFrame(frame, deps.provider.texts)
  } catch {
    return 'receipt_mismatch'
  }
  const { account } = request.identity
  const { id, lease } = sent.runner
  const claimed = { receipt, account, runner: id, keyset: lease.keyset }
  let tokens = 0
  const settled = await settleReceipt(deps, claimed, (usage) => {
    checkReceiptBodies(receipt, { request: sent.digests, response: sent.transcript.digests() })
    checkUsage(usage, request, sent)
    tokens = usage.completion_tokens
  })
  if (settled.ok) {
    const { load } = sent.runner
    load.score = noteThroughput(load.score, tokens, sent.answerMs, deps.clock())
  }
  return settled.ok ? undefined : settled.code
}

/** The receipt is for this attempt, at its price, within its allowance (M3). */
function checkUsage(usage: MeteredUsage, request: InferenceRequest, sent: SentTry): void {
  const { price, payee } = sent.terms
  const same =
    usage.request === request.id &&
    usage.attempt === sent.number &&
    usage.payee === payee &&
    usage.price.input === price.input &&
    usage.price.cached === price.cached &&
    usage.price.output === price.output &&
    usage.prompt_tokens <= sent.bound.promptTokens &&
    usage.completion_tokens <= sent.bound.completionTokens &&
    usage.cost <= sent.bound.cost
  if (!same) throw new ProtocolError('receipt_mismatch', 'receipt is not for this attempt')
}

function giveBack(deps: InferenceDeps, request: InferenceRequest, sent: SentTry): Promise<void> {
  const { account } = request.identity
  return release(deps, { account, request: request.id, attempt: sent.number, at: deps.clock() })
}
