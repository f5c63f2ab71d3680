import type { CollateralStore, Policy } from '#attestation'
import type { Clock, Random } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import type { Provider } from '#protocol'
import { ClientError } from './errors.ts'
import type { ChequeBook } from './money/cheque-book.ts'
import type { VerifiedReceipt } from './seal/check-receipt.ts'
import type { Simulation } from './simulation.ts'

/** What `connect` takes. Only `baseURL` is required; without TON endpoints it refuses to connect. */
export interface ConnectOptions {
  /** The gateway's OpenAI base URL, for example `https://gateway.example/v1`. */
  readonly baseURL: string
  /** Used for requests that bring no key of their own. */
  readonly apiKey?: string
  /** The Registry: which software and models are trusted. */
  readonly registry?: {
    /** toncenter-compatible JSON-RPC URLs of different operators; two or more must agree. */
    readonly endpoints: readonly string[]
    /** Raw address; default: the one pinned by this release. */
    readonly address?: string
    /** Lower-case hex; default: the code hash pinned by this release. */
    readonly codeHash?: string
    /** Highest version that an earlier run saw. */
    readonly minVersion?: number
  }
  /** Takes the gateway's word for the allowlist. For development: a lying gateway lists what it likes (C4). */
  readonly trustGatewayAllowlist?: boolean
  /** Accepts simulated evidence, which protects nothing. Needs `simulation`. */
  readonly allowSimulated?: boolean
  /** The roots of a development world, from its `simulation.json`. */
  readonly simulation?: Simulation
  /** Whether runners must have attested GPUs; default: required. */
  readonly gpu?: Policy['gpu']['presence']
  /** Most nanoTON that one request may cost; default 1 TON. */
  readonly maxCost?: Nano
  /** Raw address of the Till that top-up links name; default: the gateway's, if the Registry lists it. */
  readonly till?: string
  /**
   * Streams come at a fixed rate: one frame of one size every so many milliseconds (50 to 1,000), so that nobody on
   * the way can follow the tokens. Costs bytes and up to this much time; default: as the tokens come.
   */
  readonly paceMs?: number
  /** Signs cheques for a sovereign account. */
  readonly cheques?: ChequeBook
  /** 32 bytes from which cache keys and salts are derived; default: random for each connection. */
  readonly cacheSecret?: Bytes
  /** Called with each receipt that fits its exchange. */
  readonly onReceipt?: (receipt: VerifiedReceipt) => void
  readonly fetch?: typeof fetch
  readonly clock?: Clock
  readonly random?: Random
  /** Default: WebCrypto. */
  readonly provider?: Provider
  /**
   * The vendors' certificates and revocation lists. Their own servers are asked; where they do not answer, the
   * gateway's copy is taken if its vendor signed it at most `maxAgeDays` ago (default 14). What vendors sign about
   * once a year (AMD's lists, Intel's root list) is taken until its own end. `askVendors: false` is for pages, which
   * vendors' servers do not let in.
   */
  readonly collateral?: { readonly askVendors?: boolean; readonly maxAgeDays?: number }
  /** Keeps vendors' certificates between connections; default: memory. */
  readonly collateralStore?: CollateralStore
}

export interface BaseUrl {
  readonly origin: string
  /** Path in front of the endpoints, without a trailing slash. */
  readonly path: string
  /** As clients take it. */
  readonly text: string
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]'])

/** @throws ClientError `bad_option`, `url_credentials` or `insecure_base_url` */
export function parseBaseUrl(text: string): BaseUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ClientError('bad_option', 'baseURL is not an http(s) URL')
  }
  if (url.username !== '' || url.password !== '') {
    throw new ClientError('url_credentials', 'baseURL holds credentials')
  }
  if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname)) {
    throw new ClientError('insecure_base_url', 'baseURL is plain http')
  }
  const path = url.pathname.replace(/\/+$/, '') || '/v1'
  return { origin: url.origin, path, text: `${url.origin}${path}` }
}
