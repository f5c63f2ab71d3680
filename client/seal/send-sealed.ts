import { toSeconds } from '#base/brand.ts'
import { utf8 } from '#base/bytes.ts'
import { ceilDiv, type Nano, nano } from '#base/nano.ts'
import { type MacKey, sealRequest } from '#protocol'
import { ClientError } from '../errors.ts'
import type { Pool } from '../verify/pool.ts'
import type { VerifiedRunner } from '../verify/verify-runner.ts'
import { type ExchangeDeps, exchange, type Sealed, type SealedAnswer } from './exchange.ts'
import type { Ask } from './read-ask.ts'

export interface SendDeps extends ExchangeDeps {
  readonly pool: Pool
  /** Ranks hosts for requests that share a cache. */
  readonly cacheSecret: MacKey
  /** Most nanoTON of one request. */
  readonly maxCost: Nano
  /** Pays what is due by a cheque. */
  readonly payDue: (authorization: string) => Promise<Payment>
}

/** What became of a demand for a cheque: `nothing-owed` means that all of it is signed already. */
export type Payment = 'paid' | 'nothing-owed' | 'no-cheques'

/** A prompt is sealed to at most so many runners (H12). */
const MAX_RUNNERS = 2
/** How long the runner may take to begin, from sealing. */
const HEAD_LIFE_SECONDS = 300
const RANK_LABEL = utf8('cocoon client rank\0')
const PER_MILLION = 1_000_000n

/**
 * Sends one body sealed to a verified runner and opens its answer:
 * 1. choose a runner  2. seal to it  3. send  4. outside the seal: the one key refresh, another runner, or a named
 * refusal  5. inside: open up to the first frame, so that a runner lost before it can still be replaced
 * @throws ClientError, or the caller's own abort
 */
export async function sendSealed(
  deps: SendDeps,
  ask: Ask,
  call: { readonly authorization: string | undefined; readonly signal: AbortSignal | null },
): Promise<SealedAnswer> {
  const tried = new Set<string>()
  let refreshed = false
  let paid = false
  let runner = await choose(deps, ask, tried)
  for (;;) {
    tried.add(runner.id)
    const sealed = await seal(deps, ask, runner)
    const outcome = await exchange(deps, { ask, runner, sealed, ...call })
    if (outcome.kind === 'answer') return outcome.answer
    if (outcome.kind === 'refused') {
      throw new ClientError(outcome.code, `The request was refused (${outcome.detail})`)
    }
    if (outcome.kind === 'keys-changed') {
      if (refreshed) throw new ClientError('keys_unstable', 'A second key refresh was asked for')
      refreshed = true
      runner = await renew(deps, ask, { runner, tried })
    } else if (outcome.kind === 'cheque-due') {
      const payment = paid ? 'nothing-owed' : await deps.payDue(call.authorization ?? '')
      if (payment !== 'paid') throw unpaid(payment)
      paid = true
    } else {
      deps.pool.drop(runner.id)
      if (tried.size >= MAX_RUNNERS) throw gone()
      runner = await choose(deps, ask, tried)
    }
  }
}

function unpaid(payment: Payment): ClientError {
  const code = payment === 'no-cheques' ? 'cheque_due' : 'usage_unsettled'
  return new ClientError(code, 'The gateway waits for a cheque')
}

function gone(): ClientError {
  return new ClientError('runner_gone', 'The runner was lost before its answer began')
}

async function choose(
  { pool, cacheSecret }: SendDeps,
  ask: Ask,
  exclude: ReadonlySet<string>,
): Promise<VerifiedRunner> {
  const { path, model, affinity, constraints } = ask
  const rank = (name: string): number =>
    new DataView(cacheSecret.mac(RANK_LABEL, utf8(`${affinity}\0${name}`)).buffer).getUint32(0)
  try {
    return await pool.choose({
      path,
      model,
      constraints,
      exclude,
      ...(affinity === undefined ? {} : { rank }),
    })
  } catch (error) {
    // The first runner is gone and there is no second: that is what the caller should hear.
    if (exclude.size > 0 && error instanceof ClientError) throw gone()
    throw error
  }
}

/** The same runner under new keys, or another one when it cannot show any; else what is wrong with this one. */
async function renew(
  deps: SendDeps,
  ask: Ask,
  { runner, tried }: { readonly runner: VerifiedRunner; readonly tried: ReadonlySet<string> },
): Promise<VerifiedRunner> {
  try {
    return await deps.pool.renew(runner, ask)
  } catch (error) {
    if (!(error instanceof ClientError) || tried.size >= MAX_RUNNERS) throw error
    return choose(deps, ask, tried).catch(() => {
      throw error
    })
  }
}

async function seal(deps: SendDeps, ask: Ask, runner: VerifiedRunner): Promise<Sealed> {
  const maxCost = highestCost(ask, runner, deps.maxCost)
  const request = await sealRequest(deps.provider, {
    suite: runner.suite,
    publicKey: runner.sealingKey,
    body: ask.body,
    head: {
      path: ask.path,
      model: runner.subject.model,
      session: runner.sessionId,
      maxCost,
      notAfter: toSeconds(deps.clock()) + HEAD_LIFE_SECONDS,
    },
  })
  return { request, maxCost }
}

/** What the offered price makes of this request at most, and never above the caller's own ceiling. */
function highestCost(ask: Ask, { candidate }: VerifiedRunner, ceiling: Nano): Nano {
  const { price, maxOutputTokens } = candidate
  const output = ask.maxTokens ?? maxOutputTokens
  if (price === undefined || output === undefined) return ceiling
  // Padding and framing at most double a body: the gateway bounds prompt tokens by wire bytes.
  const prompt = 2 * ask.promptBound
  const sum = BigInt(prompt) * price.input + BigInt(output) * price.output
  const bound = ceilDiv(sum, PER_MILLION)
  return bound < ceiling ? nano(bound) : ceiling
}
