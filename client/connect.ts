import {
  createCollateralSource,
  defaultCollateralSettings,
  memoryStore,
  NO_COLLATERAL,
} from '#attestation'
import { type Nano, nano } from '#base/nano.ts'
import { PACE } from '#protocol'
import { ClientError } from './errors.ts'
import { getJson, postJson, textMember } from './http.ts'
import { accountOfKey, topUpLink } from './money/top-up-link.ts'
import { type BaseUrl, type ConnectOptions, parseBaseUrl } from './options.ts'
import {
  type AllowlistReader,
  type AllowlistSettings,
  createAllowlistReader,
} from './registry/allowlist.ts'
import { PINNED_REGISTRY } from './registry/pinned.ts'
import type { VerifiedReceipt } from './seal/check-receipt.ts'
import type { Payment } from './seal/send-sealed.ts'
import { createSealedFetch } from './sealed-fetch.ts'
import { type Verification, verificationOf } from './verification.ts'
import { createPool } from './verify/pool.ts'
import type { VerifyDeps } from './verify/verify-runner.ts'

/** A verified way to a gateway's runners. */
export interface Connection {
  /** For OpenAI-compatible clients, with `fetch`. */
  readonly baseURL: string
  /** Seals every prompt on this machine; reading requests pass. */
  readonly fetch: typeof fetch
  /** What stands verified now. */
  readonly verification: Verification
  /** The receipt of an answer of `fetch`, once its body was read to the end. */
  receiptOf(response: Response): Promise<VerifiedReceipt> | undefined
  /** Drops keys and refuses further requests. */
  close(): void
}

export type ResolvedOptions = ConnectOptions &
  Required<Pick<ConnectOptions, 'fetch' | 'clock' | 'random' | 'provider'>>

const CACHE_SECRET_BYTES = 32
const DEFAULT_MAX_COST: Nano = nano(1_000_000_000n)

/**
 * Connects to a gateway without trusting it:
 * 1. read the allowlist from the chain  2. verify offered runners' hardware, software, model and keys
 * 3. give a `fetch` that seals to them
 * @throws ClientError that names what is wrong and what to do
 */
export async function connectWith(options: ResolvedOptions): Promise<Connection> {
  const base = parseBaseUrl(options.baseURL)
  checkPace(options)
  const allowlist = createAllowlistReader(options, allowlistSettings(options, base.origin))
  const { statement } = await allowlist()
  const pool = createPool(verifyDeps(options, base, allowlist))
  await pool.open()
  const receipts = new WeakMap<Response, Promise<VerifiedReceipt>>()
  const closed = new AbortController()
  let current = statement
  const sealedFetch = createSealedFetch({
    ...options,
    origin: base.origin,
    basePath: base.path,
    apiKey: options.apiKey,
    pool,
    cacheSecret: options.provider.hashes.macKey(
      options.cacheSecret ?? options.random(CACHE_SECRET_BYTES),
    ),
    maxCost: options.maxCost ?? DEFAULT_MAX_COST,
    receipts,
    onReceipt: (receipt) => {
      options.cheques?.owe(receipt.cost)
      options.onReceipt?.(receipt)
    },
    payDue: (authorization) => payDue(options, base, authorization),
    topUp: (authorization) => topUp(options, base, { allowlist, authorization }),
  })
  return {
    baseURL: base.text,
    fetch: async (input, init) => {
      if (closed.signal.aborted) throw new ClientError('bad_option', 'The connection was closed')
      return sealedFetch(input, init)
    },
    get verification() {
      allowlist()
        .then((read) => {
          current = read.statement
        })
        .catch(() => undefined)
      return verificationOf(base.origin, pool, current)
    },
    receiptOf: (response) => receipts.get(response),
    close: () => closed.abort(),
  }
}

function checkPace({ paceMs }: ConnectOptions): void {
  if (paceMs === undefined) return
  if (!Number.isInteger(paceMs) || paceMs < PACE.leastMs || paceMs > PACE.mostMs) {
    throw new ClientError('bad_option', `paceMs takes ${PACE.leastMs} to ${PACE.mostMs}`)
  }
}

/** @throws ClientError `allowlist_untrusted` or `bad_option` */
function allowlistSettings(options: ConnectOptions, origin: string): AllowlistSettings {
  const { registry } = options
  if (registry !== undefined && registry.endpoints.length > 0) {
    const address = registry.address ?? PINNED_REGISTRY.address
    if (address === undefined) {
      throw new ClientError('bad_option', 'This release pins no Registry: give registry.address')
    }
    if (new Set(registry.endpoints.map(originOf)).size < 2 && options.allowSimulated !== true) {
      throw new ClientError('allowlist_untrusted', 'One TON endpoint could lie alone')
    }
    const pin = { address, codeHash: registry.codeHash ?? PINNED_REGISTRY.codeHash }
    const { endpoints, minVersion = 0 } = registry
    return { kind: 'registry', pin, endpoints, minVersion }
  }
  if (options.trustGatewayAllowlist === true) return { kind: 'gateway', origin }
  throw new ClientError('allowlist_untrusted', 'No TON endpoint was given')
}

function originOf(url: string): string {
  if (!URL.canParse(url)) throw new ClientError('bad_option', 'A TON endpoint is not a URL')
  return new URL(url).origin
}

/** Vendors sign anew every day; the gateway fetches daily, and may be without them for some time. */
const MAX_HANDED_DAYS = 14
const MAX_HANDED_DAYS_EVER = 90
const askNobody: typeof fetch = () => Promise.reject(new Error('vendors are not asked'))

function verifyDeps(
  options: ResolvedOptions,
  { origin }: BaseUrl,
  allowlist: AllowlistReader,
): VerifyDeps {
  const { fetch, clock, random, simulation, allowSimulated = false, collateral = {} } = options
  const { askVendors = true, maxAgeDays = MAX_HANDED_DAYS } = collateral
  if (!(maxAgeDays > 0 && maxAgeDays <= MAX_HANDED_DAYS_EVER)) {
    throw new ClientError(
      'bad_option',
      `collateral.maxAgeDays takes more than 0 and at most ${MAX_HANDED_DAYS_EVER}`,
    )
  }
  if (simulation !== undefined && !allowSimulated) {
    throw new ClientError('simulated_refused', 'Roots of a simulation were given')
  }
  const collateralSettings = defaultCollateralSettings(random)
  const presence = options.gpu ?? 'required'
  const minBinding = presence === 'required' ? 'cpu-report' : 'none'
  return {
    ...{ origin, fetch, clock, random, allowlist, allowSimulated, collateralSettings },
    collateral: createCollateralSource(collateralSettings, {
      ...{ fetch: askVendors ? fetch : askNobody, clock },
      store: options.collateralStore ?? memoryStore(),
      background: () => undefined,
    }),
    anchors: simulation?.anchors,
    given: simulation?.collateral ?? NO_COLLATERAL,
    maxHandedSeconds: maxAgeDays * 86_400,
    policy: { gpu: { presence, count: undefined, minBinding } },
  }
}

/** Pays by cheque what the receipts so far add up to. */
async function payDue(
  { cheques, fetch }: ResolvedOptions,
  { origin, path }: BaseUrl,
  authorization: string,
): Promise<Payment> {
  if (cheques === undefined) return 'no-cheques'
  const cheque = await cheques.sign()
  if (cheque === undefined) return 'nothing-owed'
  const url = `${origin}${path}/account/cheques`
  const answer = await postJson({ fetch }, url, cheque, { authorization })
  if (answer === undefined) {
    throw new ClientError('gateway_misbehaved', 'The gateway wants a cheque and takes none')
  }
  await cheques.accepted(cheque)
  return 'paid'
}

/** The Till is the user's, or one that a Registry of our own reading lists; else there is no link (M5). */
async function topUp(
  options: ResolvedOptions,
  { origin, path }: BaseUrl,
  known: { readonly allowlist: AllowlistReader; readonly authorization: string | undefined },
): Promise<string | undefined> {
  const account = accountOfKey(known.authorization?.replace(/^Bearer +/i, ''))
  if (account === undefined) return undefined
  if (options.till !== undefined) return topUpLink({ till: options.till, account })
  const till = textMember(await getJson(options, `${origin}${path}/till`), 'address') ?? ''
  const { tills } = await known.allowlist()
  const hash = /^0:([0-9a-f]{64})$/.exec(till)?.[1]
  const listed = hash !== undefined && tills.has(hash)
  return listed ? topUpLink({ till, account }) : undefined
}
