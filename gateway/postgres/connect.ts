import { Client, type ClientConfig } from 'pg'
import { PostgresError } from './errors.ts'

/** A server that does not answer within this is down. */
const CONNECT_MS = 5_000
/** Longer than any statement of requests, locks included; then it is given up and its transaction undone. */
const STATEMENT_MS = 15_000
/** A gateway that hangs inside a transaction must not hold the others up. */
const IDLE_MS = 15_000
/** A peer that vanished is noticed within half a minute, and its locks are free again. */
const KEEPALIVE =
  'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3'

/** When both ends of a connection ask one another whether they are there. */
const KEEPALIVE_AFTER_MS = 10_000

/**
 * How long an answer may take: in ms, for requests; `endless` for what goes through whole tables while nobody is served. Then only
 * a connection that breaks, or a peer that vanished, ends it.
 */
export type Patience = number | 'endless'

const INTEGERS: ReadonlySet<number> = new Set([20, 21, 23, 1700])
const FLOATS: ReadonlySet<number> = new Set([700, 701])
const BOOL = 16
const BYTES = 17

/** Values as SQLite gives them: whole numbers and booleans as numbers. What loses digits is refused where it is used. */
function parserOf(oid: number): (text: string) => unknown {
  if (INTEGERS.has(oid) || FLOATS.has(oid)) return Number
  if (oid === BOOL) return (text) => (text === 't' ? 1 : 0)
  if (oid === BYTES) return (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex'))
  return (text) => text
}

/**
 * Opens one connection.
 * @param patience a server that is silent for so long is not there: a network that drops everything tells nobody
 * @throws PostgresError `lost`, or `unreachable` with what to mend, never with the password
 */
export async function connect(url: string, name: string, patience: Patience): Promise<Client> {
  const limits =
    patience === 'endless'
      ? { statement_timeout: 0 }
      : { statement_timeout: STATEMENT_MS, query_timeout: patience }
  const config: ClientConfig = {
    connectionString: url,
    application_name: `cocoon ${name}`,
    connectionTimeoutMillis: CONNECT_MS,
    ...limits,
    idle_in_transaction_session_timeout: IDLE_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    types: { getTypeParser: parserOf },
  }
  const client = new Client(config)
  // Whoever waits for an answer learns of it there; between answers nobody does.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(KEEPALIVE)
    return client
  } catch (cause) {
    await client.end().catch(() => {})
    throw remedied(cause)
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  '28P01': 'the password is wrong',
  '28000': 'the server lets this user not in: see pg_hba.conf',
  '3D000': 'the database does not exist: create it',
  '53300': 'the server has too many connections: raise max_connections',
  '57P03': 'the server is starting or stopping',
  ECONNREFUSED: 'nobody listens there: is the server running?',
  ENOTFOUND: 'the host name is unknown',
  ENOENT: 'there is no such socket: is the server running?',
}

function remedied(cause: unknown): PostgresError {
  const code = codeOf(cause)
  const remedy = REMEDIES[code] ?? 'is the server running, and reachable from here?'
  return new PostgresError(
    'unreachable',
    `cannot use the database of DATABASE_URL (${code}): ${remedy}`,
  )
}

/** SQLSTATE or the system's code; texts of either may hold values. */
export function codeOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' && /^[0-9A-Z_]{3,30}$/.test(code) ? code : 'no answer'
}
