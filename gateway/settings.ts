import type { PlaintextRule } from './inference/deps.ts'
import type { HostProofRule } from './runners/host-proof-rule.ts'
import {
  addresses,
  dollars,
  hashes,
  headerList,
  integer,
  matching,
  models,
  oneOf,
  optional,
  origin,
  ports,
  postgresUrl,
  ratio,
  required,
  secretBytes,
  tickers,
  tons,
  url,
  urls,
} from './setting-parsers.ts'

/** Settings by name, as an environment holds them. */
export type Settings = Readonly<Record<string, string | undefined>>

export interface Setting<T> {
  /** One line for `.env.example` and `--help`. */
  readonly help: string
  /** Taken when the setting is absent or empty; undefined when absence has a meaning of its own. */
  readonly fallback: string | undefined
  /** @throws RangeError whose message completes "NAME …" */
  readonly parse: (text: string | undefined) => T
}

const setting = <T>(entry: Setting<T>): Setting<T> => entry

const RAW_ADDRESS = /^(?:0|-1):[0-9a-f]{64}$/
const DOMAIN = /^(?=.{1,200}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/
const TOKEN = /^[\x21-\x7e]{24,256}$/
const MAX_BPS = 9_999
const MAX_COEFFICIENT_BPS = 1_000_000
const MAX_BODY_BYTES = 256 * 1024 * 1024
const MAX_CONCURRENCY = 1_000_000
const MAX_DRAIN_SECONDS = 3_600
const MAX_QUEUED = 100_000
const MAX_QUEUE_SECONDS = 600

/** Every setting of the gateway, once: names, defaults and rules. */
export const SETTINGS = {
  GATEWAY_ENV: setting({
    help: 'production, or development (simulated hardware and loopback runners)',
    fallback: 'production',
    parse: oneOf('production', 'development'),
  }),
  HOST: setting({
    help: 'address to listen on',
    fallback: '127.0.0.1',
    parse: required((text) => text),
  }),
  PORT: setting({
    help: 'port to listen on',
    fallback: '8787',
    parse: integer(0, 65_535),
  }),
  PUBLIC_URL: setting({
    help: 'https origin under which clients and runners reach this gateway; it is its name in signed messages',
    fallback: undefined,
    parse: optional(origin),
  }),
  TLS_CERT: setting({
    help: 'PEM file with the certificate chain, for TLS without a proxy; read again when it changes',
    fallback: undefined,
    parse: optional((text) => text),
  }),
  TLS_KEY: setting({
    help: 'PEM file with its key',
    fallback: undefined,
    parse: optional((text) => text),
  }),
  DRAIN_SECONDS: setting({
    help: 'how long answers may go on after SIGTERM, while /health says 503',
    fallback: '30',
    parse: integer(0, MAX_DRAIN_SECONDS),
  }),
  RUNNER_DOMAIN: setting({
    help: 'domain under which each runner has its own origin (a wildcard certificate is needed)',
    fallback: undefined,
    parse: optional(matching(DOMAIN, 'must be a domain name')),
  }),
  RUNNER_ORIGIN_PORTS: setting({
    help: 'without RUNNER_DOMAIN: loopback ports that runners get as origins, separated by commas; then any free one',
    fallback: '',
    parse: ports,
  }),
  DATABASE_PATH: setting({
    help: 'SQLite file of ledger, accounts, runners and receipts',
    fallback: 'cocoon-gateway.db',
    parse: required((text) => text),
  }),
  DATABASE_URL: setting({
    help: 'PostgreSQL in place of DATABASE_PATH, for several gateways with one database: postgres://user:password@host/name',
    fallback: undefined,
    parse: optional(postgresUrl),
  }),
  COLLATERAL_PATH: setting({
    help: "folder that keeps AMD's, Intel's and NVIDIA's certificates, lists and manifests between restarts",
    fallback: 'cocoon-collateral',
    parse: required((text) => text),
  }),
  GATEWAY_SECRET: setting({
    help: '32 random bytes in hex: seals references and authenticates API keys; losing it voids every API key',
    fallback: undefined,
    parse: required(secretBytes),
  }),
  METER_KEY: setting({
    help: 'Ed25519 seed in hex that signs charges and vouchers; needs TILL_ADDRESS',
    fallback: undefined,
    parse: optional(secretBytes),
  }),
  GAS_KEY: setting({
    help: 'Ed25519 seed in hex of the wallet that pays the gas of charges and payouts; unset leaves them to hosts',
    fallback: undefined,
    parse: optional(secretBytes),
  }),
  MIN_CHARGE_TON: setting({
    help: 'charge accounts on chain once this much usage is uncollected',
    fallback: '1',
    parse: required(tons),
  }),
  MIN_REDEEM_TON: setting({
    help: 'pay a host on chain once its voucher is worth this much',
    fallback: '1',
    parse: required(tons),
  }),
  TON_NETWORK: setting({
    help: 'mainnet or testnet: part of the gas wallet address',
    fallback: 'mainnet',
    parse: oneOf('mainnet', 'testnet'),
  }),
  TON_ENDPOINT: setting({
    help: 'toncenter-compatible JSON-RPC endpoint',
    fallback: undefined,
    parse: required(url),
  }),
  TON_WITNESSES: setting({
    help: 'further, independent endpoints, separated by commas: credits, debits and payouts need every one to agree',
    fallback: '',
    parse: urls,
  }),
  WEB_TON_ENDPOINTS: setting({
    help: "keyless endpoints through which visitors' browsers read the Registry themselves, separated by commas; fewer than two: the page takes this gateway's word and says so",
    fallback: '',
    parse: urls,
  }),
  TON_API_KEY: setting({
    help: 'key for that endpoint',
    fallback: undefined,
    parse: optional((text) => text),
  }),
  TICKER: setting({
    help: "what the chain's currency is called where people read it",
    fallback: 'TON',
    parse: required(matching(/^[A-Z0-9]{1,10}$/, 'must be 1 to 10 capital letters or digits')),
  }),
  USD_RATE: setting({
    help: 'US dollars for one TON, for display only; unset shows none',
    fallback: undefined,
    parse: optional(dollars),
  }),
  RATE_TICKERS: setting({
    help: 'sources of that rate instead, JSON: [{"name","url","path":["keys","that","lead","to","the","price"]}]; the median is shown',
    fallback: '[]',
    parse: tickers,
  }),
  REGISTRY_ADDRESS: setting({
    help: 'raw address of the Registry (allowlist)',
    fallback: undefined,
    parse: required(matching(RAW_ADDRESS, 'must be a raw TON address (0:<64 hex digits>)')),
  }),
  TILL_ADDRESS: setting({
    help: 'raw address of the Till (prepaid accounts)',
    fallback: undefined,
    parse: optional(matching(RAW_ADDRESS, 'must be a raw TON address (0:<64 hex digits>)')),
  }),
  MODELS: setting({
    help: 'models on sale, JSON: [{"id","name","input","cached","output","demonstration"}], prices in nanoTON per million tokens as strings',
    fallback: '[]',
    parse: models,
  }),
  COMMISSION_BPS: setting({
    help: "operator's share of what developers pay, basis points",
    fallback: '500',
    parse: integer(0, MAX_BPS),
  }),
  MAX_PRICE_COEFFICIENT_BPS: setting({
    help: 'most that a host may ask, as a share of the base price, basis points',
    fallback: '20000',
    parse: integer(0, MAX_COEFFICIENT_BPS),
  }),
  PLAINTEXT: setting({
    help: 'unsealed requests: allow, attested (only when this gateway attests itself) or refuse',
    fallback: 'allow',
    parse: oneOf<PlaintextRule>('allow', 'attested', 'refuse'),
  }),
  GATEWAY_TEE: setting({
    help: 'on: this is a confidential machine, and the gateway shows evidence of its own',
    fallback: 'off',
    parse: oneOf('off', 'on'),
  }),
  KEY_SERVICE: setting({
    help: 'URL of a cocoon key-service that releases GATEWAY_SECRET, METER_KEY and other keys to this machine for its evidence; needs GATEWAY_TEE=on',
    fallback: undefined,
    parse: optional(url),
  }),
  KEY_SERVICE_KEY: setting({
    help: 'public key of that service in hex, as it prints it: belongs into the measured image',
    fallback: undefined,
    parse: optional(matching(/^[0-9a-f]{64}$/, 'must be 64 hex digits')),
  }),
  GPU: setting({
    help: 'confidential GPU evidence of runners: required or optional',
    fallback: 'required',
    parse: oneOf('required', 'optional'),
  }),
  HOST_PROOF: setting({
    help: "proof that a host controls the wallet it is paid at, by TON Connect's ton_proof: required or off",
    fallback: 'required',
    parse: oneOf<HostProofRule>('required', 'off'),
  }),
  DENIED_HASHES: setting({
    help: 'Registry hashes (image, model, platform) that this operator denies, separated by commas',
    fallback: '',
    parse: hashes,
  }),
  ADMIN_KEY: setting({
    help: 'bearer token of /admin, at least 24 characters; unset turns /admin off',
    fallback: undefined,
    parse: optional(matching(TOKEN, 'must be 24 to 256 printable characters')),
  }),
  METRICS_TOKEN: setting({
    help: 'bearer token of /metrics; unset serves it to loopback only',
    fallback: undefined,
    parse: optional(matching(TOKEN, 'must be 24 to 256 printable characters')),
  }),
  MAX_BODY_BYTES: setting({
    help: 'largest request body',
    fallback: '33554432',
    parse: integer(1_024, MAX_BODY_BYTES),
  }),
  MAX_QUEUED: setting({
    help: 'requests that may wait while every runner of their model is busy',
    fallback: '1000',
    parse: integer(0, MAX_QUEUED),
  }),
  QUEUE_SECONDS: setting({
    help: 'how long a request may wait for a runner; below the time-outs of proxies in between',
    fallback: '30',
    parse: integer(1, MAX_QUEUE_SECONDS),
  }),
  ACCOUNT_CONCURRENCY: setting({
    help: 'requests that one account may have under way at once',
    fallback: '1000',
    parse: integer(1, MAX_CONCURRENCY),
  }),
  ACCOUNTS_PER_HOUR: setting({
    help: 'accounts that one client address may open or sign in to within an hour; 0 sets no limit',
    fallback: '20',
    parse: integer(0, MAX_CONCURRENCY),
  }),
  TRUSTED_PROXIES: setting({
    help: 'addresses or networks (10.0.0.0/8) of proxies in front, separated by commas: their x-forwarded-for says who the client is',
    fallback: '',
    parse: addresses,
  }),
  LOG_LEVEL: setting({
    help: 'debug, info, warn or error',
    fallback: 'info',
    parse: oneOf('debug', 'info', 'warn', 'error'),
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting({
    help: 'OpenTelemetry collector (OTLP over HTTP with JSON): traces go to /v1/traces there; unset exports none',
    fallback: undefined,
    parse: optional(url),
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: setting({
    help: 'the same for traces alone, as a whole URL',
    fallback: undefined,
    parse: optional(url),
  }),
  OTEL_EXPORTER_OTLP_HEADERS: setting({
    help: 'headers for the collector: name=value, separated by commas, percent-encoded',
    fallback: '',
    parse: headerList,
  }),
  OTEL_SERVICE_NAME: setting({
    help: 'name of this gateway in traces',
    fallback: 'cocoon-gateway',
    parse: required((text) => text),
  }),
  OTEL_TRACES_SAMPLER_ARG: setting({
    help: 'share of requests to trace, 0 to 1; what callers ask for in traceparent does not count',
    fallback: '1',
    parse: required(ratio),
  }),
  OTEL_SDK_DISABLED: setting({
    help: 'true exports no traces, whatever else is set',
    fallback: 'false',
    parse: oneOf('true', 'false'),
  }),
} as const

export type SettingValues = {
  readonly [Name in keyof typeof SETTINGS]: ReturnType<(typeof SETTINGS)[Name]['parse']>
}
