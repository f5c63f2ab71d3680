import { matching, optional, required } from '#base/parse-setting.ts'
import { setting } from './setting.ts'
import { integer, oneOf, origin, ports, postgresUrl, secretBytes } from './setting-parsers.ts'

const DOMAIN = /^(?=.{1,200}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/
const MAX_DRAIN_SECONDS = 3_600

/** Where the gateway listens, and what it keeps. */
export const PLACE_SETTINGS = {
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
} as const
