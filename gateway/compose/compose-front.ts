import { hex } from '#base/bytes.ts'
import { createAuthenticator } from '../accounts/authenticator.ts'
import { createSessionTokens } from '../accounts/session-token.ts'
import { createOwnReceipts } from '../attest/own-receipts.ts'
import type { SelfAttestor } from '../attest/self-attestor.ts'
import type { FrontDeps, TillView } from '../deps.ts'
import { ipNetworks } from '../http/ip-networks.ts'
import { createAccountRefs } from '../inference/account-ref.ts'
import type { Offers } from '../inference/catalog.ts'
import type { PlaintextRule } from '../inference/deps.ts'
import { createQuoteTerms } from '../inference/quote-terms.ts'
import { createQuotesUnderWay } from '../inference/quotes-under-way.ts'
import { createRunnerSessions } from '../inference/runner-sessions.ts'
import { createWaitingRoom } from '../inference/waiting-room.ts'
import { createAddressLimiter } from '../limits/address-limiter.ts'
import { createLimiter } from '../limits/limiter.ts'
import type { Rates } from '../money/open-rates.ts'
import type { KeysetOf } from '../receipts/keyset-of.ts'
import type { PendingSettlements } from '../receipts/pending.ts'
import { createProofs } from '../receipts/proofs.ts'
import { createRecentReceipts } from '../receipts/recent.ts'
import { createRelayedRequests } from '../receipts/relayed-requests.ts'
import { createUnwritten } from '../receipts/unwritten.ts'
import type { Upstream } from '../relay/ports.ts'
import type { Watchdog } from '../relay/watchdog.ts'
import type { Runners } from '../runners/directory.ts'
import { noteFailure } from '../runners/score.ts'
import { countFault } from '../runners/tally.ts'
import { deriveSecret, type Platform, webhookSecrets } from './platform.ts'

/** What the front needs beside the platform: where runners are known, and how they are reached. */
export interface FrontParts {
  /** Undefined: this gateway shows no evidence of its own. */
  readonly self: Pick<SelfAttestor, 'isAttested' | 'sign'> | undefined
  readonly directory: Runners
  readonly catalog: Offers
  readonly keysetOf: KeysetOf
  readonly pending: PendingSettlements
  readonly upstream: Upstream
  readonly watchdog: Watchdog
  readonly rates: Rates
}

/** Bodies of requests that wait for a runner, all together. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024

/** Puts accounts, inference and receipts together: what serves developers, wherever it runs. */
export function composeFront(platform: Platform, parts: FrontParts): FrontDeps {
  const { config, publicUrl, ledger, provider, verifier, metrics, clock, timer, random, log } =
    platform
  const { hashes } = provider
  const { self, directory, catalog, pending, upstream, watchdog } = parts
  const relayed = self === undefined ? undefined : createRelayedRequests(clock)
  const keys = { ledger, hashes, secret: deriveSecret(platform, 'api keys'), clock }
  const authenticator = createAuthenticator(keys)
  const limiter = createLimiter({ clock, accountConcurrency: config.accountConcurrency })
  const settle = {
    ledger,
    verifier,
    recent: createRecentReceipts(),
    proofs: createProofs(),
    clock,
    metrics,
    limiter,
  }
  const refs = createAccountRefs(provider, deriveSecret(platform, 'references'))
  return {
    inference: {
      ...settle,
      provider,
      directory,
      catalog,
      quoteTerms: createQuoteTerms(config.commissionBps),
      sessions: createRunnerSessions(provider, clock),
      refs,
      pending,
      unwritten: createUnwritten(watchdog),
      quotes: createQuotesUnderWay(clock),
      upstream,
      watchdog,
      waiting: createWaitingRoom({ ...config.queue, bytes: MAX_WAITING_BYTES }, clock),
      limiter,
      onceKey: hashes.macKey(deriveSecret(platform, 'idempotency')),
      topUpUrl: (account) => `${publicUrl}/top-up?account=${account}`,
      affinity: hashes.macKey(deriveSecret(platform, 'affinity')),
      relayed,
      takesPlaintext: plaintextRule(config.plaintext, () => self?.isAttested() ?? false),
      timer,
      random,
      log,
    },
    receipts: {
      ...settle,
      refs,
      pending,
      log,
      keysetOf: parts.keysetOf,
      leasedKeyset: (runner, digest) => {
        const lease = directory.find(runner)?.lease
        return lease?.keysetDigest === digest ? lease.keyset : undefined
      },
      noteLie: (runner) => {
        const load = directory.find(runner)?.load
        if (load === undefined) return
        load.score = noteFailure(load.score, 'lied', clock())
        countFault(load.tally, 'receipt_refused')
      },
      signer: platform.meter,
      gatewayName: publicUrl,
    },
    signOwnReceipt: createOwnReceipts(self, relayed),
    accounts: {
      ...keys,
      sessions: createSessionTokens({
        secret: deriveSecret(platform, 'sessions'),
        gateway: publicUrl,
        clock,
      }),
      challenges: hashes.macKey(deriveSecret(platform, 'sign-in nonces')),
      random,
      forget: (account) => authenticator.forget(account),
      gateway: publicUrl,
      verify: verifier.verify,
    },
    authenticator,
    strangers: {
      limiter: createAddressLimiter(config.accountsPerHour, clock),
      trustedProxies: ipNetworks(config.trustedProxies),
    },
    webhooks: {
      ledger,
      hashes,
      secrets: webhookSecrets(platform),
      upstream,
      watchdog,
      clock,
      log,
      rules: { loopback: !config.production },
    },
    till: tillView(platform),
    rates: parts.rates,
    commissionBps: config.commissionBps,
    closing: platform.closing,
    pendingOf: (account) => pending.settled(account),
  }
}

function plaintextRule(rule: PlaintextRule, isAttested: () => boolean): () => boolean {
  return rule === 'attested' ? isAttested : () => rule === 'allow'
}

function tillView({ config, meter }: Platform): TillView | undefined {
  const { till } = config.chain
  if (till === undefined) return undefined
  return { address: till, meterKey: meter === undefined ? null : hex(meter.publicKey) }
}
