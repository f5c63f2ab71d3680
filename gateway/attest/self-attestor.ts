import { type Clock, type Random, toSeconds, type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { createTurns } from '#base/turns.ts'
import {
  type Receipt,
  type Report,
  type Signer,
  signReceipt,
  type UnsignedReceipt,
} from '#protocol'
import { ApiError } from '../errors.ts'
import { codeOf, type Log } from '../log.ts'
import { type JudgeDeps, judgeEvidence } from '../runners/judge-evidence.ts'
import type { Machine } from './machine.ts'
import { makeReport } from './make-report.ts'
import {
  createSelfIdentity,
  SELF_LIFETIME_SECONDS,
  type SelfIdentity,
  type TlsKey,
} from './self-identity.ts'

/** A gateway that shows evidence of its own. */
export interface SelfAttestor {
  /**
   * Its ACI report over a caller's nonce (64 hex digits). Calls for one nonce share a quote.
   * @throws ApiError `overloaded` when too many wait (M7)
   */
  report(nonce: string): Promise<Report>
  /** Signs under the keys that its reports show now. */
  sign(receipt: Omit<UnsignedReceipt, 'workload_keyset_digest'>): Receipt
  /** Judges itself by the rules that it has for runners. The outcome is logged, and holds until the next time. */
  appraise(): Promise<void>
  /** Whether the last appraisal accepted it and still holds: plain text may pass (`PLAINTEXT=attested`). */
  isAttested(): boolean
}

export interface SelfAttestorDeps {
  readonly machine: Machine
  /** Makes a receipt key that only this process knows. */
  readonly makeSigner: () => Signer
  readonly origin: string
  /** The keys that clients meet now: new ones make a new keyset. */
  readonly tlsKeys: () => readonly TlsKey[]
  readonly judge: JudgeDeps
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

const MAX_WAITING = 64
/** Of these, how many anybody may take: the others are for our own judgement. */
const MAX_STRANGERS = 48
const NONCE_BYTES = 32
/** A verdict on oneself is no older than one on a runner. */
const APPRAISAL_SECONDS = 600

export function createSelfAttestor(deps: SelfAttestorDeps): SelfAttestor {
  const { clock, log } = deps
  const turns = createTurns(MAX_WAITING, tooMany)
  let keys: Keys | undefined
  let acceptedUntil = unixSeconds(0)

  const current = (): Keys => {
    const now = toSeconds(clock())
    const tlsKeys = deps.tlsKeys()
    if (keys === undefined || isDue(keys.who, tlsKeys, now)) {
      const signer = deps.makeSigner()
      keys = { signer, who: createSelfIdentity(deps.origin, signer, tlsKeys, now) }
    }
    return keys
  }
  const reportOf = (who: SelfIdentity, nonce: string, most?: number): Promise<Report> =>
    turns.share(`${who.digest} ${nonce}`, () => makeReport(deps.machine, who, nonce), most)

  return {
    report: (nonce) => reportOf(current().who, nonce, MAX_STRANGERS),
    sign(receipt) {
      const { who, signer } = current()
      return signReceipt({ ...receipt, workload_keyset_digest: who.digest }, signer)
    },
    isAttested: () => toSeconds(clock()) < acceptedUntil,
    async appraise() {
      try {
        acceptedUntil = await judgeSelf(deps, current().who, reportOf)
        log('info', 'gateway attested')
      } catch (error) {
        acceptedUntil = unixSeconds(0)
        const check =
          error instanceof ApiError && error.param !== null ? { check: error.param } : {}
        log('warn', 'gateway not attested', { code: codeOf(error), ...check })
      }
    },
  }
}

/** What reports show, and the key behind it. */
interface Keys {
  readonly who: SelfIdentity
  readonly signer: Signer
}

/** Keys are replaced at half of their life, and when clients meet another TLS key than the keyset names. */
function isDue(identity: SelfIdentity, tlsKeys: readonly TlsKey[], now: UnixSeconds): boolean {
  const named = identity.keyset.tls_public_keys.map(({ spki_sha256 }) => spki_sha256)
  const met = tlsKeys.map(({ spkiSha256 }) => spkiSha256)
  return named.join() !== met.join() || now >= identity.madeAt + SELF_LIFETIME_SECONDS / 2
}

function tooMany(): ApiError {
  return new ApiError('overloaded', 'Too many ask for evidence: try again')
}

/** @returns until when the verdict holds @throws ApiError `evidence_refused`, naming the failed check */
async function judgeSelf(
  { judge, clock, random }: SelfAttestorDeps,
  who: SelfIdentity,
  reportOf: (who: SelfIdentity, nonce: string) => Promise<Report>,
): Promise<UnixSeconds> {
  const nonce = hex(random(NONCE_BYTES))
  const { attestation } = await reportOf(who, nonce)
  const { verdict } = await judgeEvidence(judge, {
    evidence: attestation.evidence,
    keyset: who.keyset,
    keysetDigest: who.digest,
    subject: undefined,
    nonce,
  })
  const soon = toSeconds(clock()) + APPRAISAL_SECONDS
  return unixSeconds(Math.min(soon, verdict.validUntil))
}
