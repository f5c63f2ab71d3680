import { matching, optional } from '#base/parse-setting.ts'
import { setting } from './setting.ts'
import { addresses, integer } from './setting-parsers.ts'

const TOKEN = /^[\x21-\x7e]{24,256}$/
const MAX_BODY_BYTES = 256 * 1024 * 1024
/** An eighth of it is for who has no key, half of that for one address: a registration must fit. */
const LEAST_BODY_MEMORY = 128 * 1024 * 1024
const MAX_BODY_MEMORY = 1024 ** 4
const MAX_CONCURRENCY = 1_000_000
const MAX_QUEUED = 100_000
const MAX_QUEUE_SECONDS = 600

/** Who may ask, and how much. */
export const ACCESS_SETTINGS = {
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
  MAX_BODY_MEMORY: setting({
    help: 'bytes of request bodies that a process on Node holds at once, an eighth of it for requests without a key, and for each account or address at most what the others leave; beyond it: 503 overloaded',
    fallback: '536870912',
    parse: integer(LEAST_BODY_MEMORY, MAX_BODY_MEMORY),
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
  MAX_CONNECTIONS: setting({
    help: 'connections that a listener holds at once: beyond them the longest idle one ends, or the newest is refused; each takes a file descriptor, its stream to a runner with a URL another',
    fallback: '10000',
    parse: integer(1, MAX_CONCURRENCY),
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
} as const
