import type { Client, QueryArrayResult } from 'pg'
import { codeOf, connect, type Patience } from './connect.ts'
import { PostgresError, type PostgresErrorCode } from './errors.ts'
import type { Scalar, WireAnswer, WireRequest, WireRows } from './wire-protocol.ts'

/** After a failed attempt nobody tries again so soon: what comes meanwhile fails at once. */
const BACKOFF_MS = 500
/** How long the fate of a transaction is asked for whose answer was lost. */
const FATE_MS = 5_000
const FATE_STEP_MS = 100

/** One connection, its transaction, and its way back. */
export interface Wire {
  answer(request: WireRequest): Promise<WireAnswer>
}

export function createWire(
  url: string,
  name: string,
  deps: {
    readonly now: () => number
    readonly wait: (ms: number) => Promise<void>
    /** How long an answer may take before the connection counts as broken. */
    readonly patience: Patience
  },
): Wire {
  let client: Client | undefined
  let failedAt = Number.NEGATIVE_INFINITY
  /** The connection of the open transaction. Once it broke, everything fails until that is rolled back. */
  let inside: Client | undefined
  const prepared = new Map<string, string>()

  async function open(): Promise<Client> {
    if (client !== undefined) return client
    if (deps.now() - failedAt < BACKOFF_MS) throw new PostgresError('lost', 'no connection yet')
    try {
      const opened = await connect(url, name, deps.patience)
      prepared.clear()
      opened.on('end', () => {
        if (client === opened) client = undefined
      })
      client = opened
      return opened
    } catch (error) {
      failedAt = deps.now()
      throw error
    }
  }

  function drop(): void {
    void client?.end().catch(() => {})
    client = undefined
  }

  /** The open transaction's connection, else any. */
  async function current(): Promise<Client> {
    if (inside === undefined) return open()
    if (inside !== client) throw new PostgresError('lost', 'the connection broke in a transaction')
    return inside
  }

  async function query(sql: string, params: readonly Scalar[]): Promise<WireRows> {
    const connection = await current()
    const known = prepared.get(sql) ?? `s${prepared.size}`
    prepared.set(sql, known)
    const values = params.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value))
    return rowsOf(await connection.query({ name: known, text: sql, values, rowMode: 'array' }))
  }

  /** One way there and back for a transaction and all of its locks. */
  async function script(sql: string): Promise<WireRows> {
    const answer = await (await current()).query({ text: sql, rowMode: 'array' })
    const last = Array.isArray(answer) ? answer.at(-1) : answer
    return rowsOf(last)
  }

  async function commit(id: string | undefined): Promise<WireRows> {
    try {
      await (await current()).query('COMMIT')
      inside = undefined
      return NOTHING
    } catch (cause) {
      if (!isLoss(codeOf(cause)) || id === undefined) throw cause
      drop()
      inside = undefined
      if (await wasCommitted(id)) return NOTHING
      throw cause
    }
  }

  /** Whether a transaction whose COMMIT nobody answered happened: the server remembers. */
  async function wasCommitted(id: string): Promise<boolean> {
    const until = deps.now() + FATE_MS
    while (deps.now() < until) {
      try {
        const { rows } = await query('SELECT pg_xact_status($1::xid8)', [id])
        const status = rows[0]?.[0]
        if (status === 'committed') return true
        if (status !== 'in progress') return false
      } catch (cause) {
        if (!isLoss(codeOf(cause)) && !(cause instanceof PostgresError)) throw cause
      }
      await deps.wait(FATE_STEP_MS)
    }
    return false
  }

  async function run(request: WireRequest): Promise<WireRows> {
    switch (request.ask) {
      case 'begin':
        inside = await open()
        return script(request.sql)
      case 'script':
        return script(request.sql)
      case 'query':
        return query(request.sql, request.params)
      case 'commit':
        return commit(request.id)
      case 'rollback': {
        const undone = inside
        inside = undefined
        if (undone !== undefined && undone === client) await undone.query('ROLLBACK')
        return NOTHING
      }
      case 'close':
        await client?.end()
        return NOTHING
    }
  }

  return {
    async answer(request) {
      try {
        return await run(request)
      } catch (cause) {
        const failure = failureOf(cause)
        if (failure.code === 'lost') drop()
        return { ok: false, ...failure }
      }
    },
  }
}

const NOTHING: WireRows = { ok: true, columns: [], rows: [], count: 0 }

function rowsOf(result: QueryArrayResult | undefined): WireRows {
  return {
    ok: true,
    columns: result?.fields.map((field) => field.name) ?? [],
    // Sound: the parsers of connect.ts give text, numbers, bytes and null.
    rows: (result?.rows ?? []) as Scalar[][],
    count: result?.rowCount ?? 0,
  }
}

/** Serialization failure, deadlock: somebody else was faster. */
const RACES: ReadonlySet<string> = new Set(['40001', '40P01'])

function isLoss(code: string): boolean {
  // 08 connection, 57P administrator or crash, 25P03 idle in transaction; the rest are the system's own.
  return code === 'no answer' || /^(?:08|57P|25P03|E[A-Z])/.test(code)
}

function failureOf(cause: unknown): { code: PostgresErrorCode; message: string } {
  if (cause instanceof PostgresError) return { code: cause.code, message: cause.message }
  const code = codeOf(cause)
  if (RACES.has(code)) return { code: 'raced', message: `another writer was faster (${code})` }
  if (isLoss(code)) return { code: 'lost', message: `the connection broke (${code})` }
  return { code: 'refused', message: `the database refused (${code}${detailOf(cause, code)})` }
}

/** What is wrong with the statement, or which constraint: names of ours, never values. */
function detailOf(cause: unknown, code: string): string {
  if (code.startsWith('42') && cause instanceof Error) return `, ${cause.message}`
  const constraint = cause instanceof Error && 'constraint' in cause ? cause.constraint : undefined
  return typeof constraint === 'string' ? `, ${constraint}` : ''
}
