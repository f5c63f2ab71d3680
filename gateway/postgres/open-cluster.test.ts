import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GatewayConfig } from '../config.ts'
import { openBridge } from './bridge.ts'
import { migratePostgres } from './migrate-postgres.ts'
import { openCluster } from './open-cluster.ts'
import { openPostgres } from './open-postgres.ts'
import { MIGRATIONS } from './testing/open-shared-ledger.ts'
import { freePort, startServer, type TestServer } from './testing/server.ts'

let server: TestServer
let good: URL

beforeAll(async () => {
  server = await startServer()
  good = new URL(await server.database('starts'))
}, 60_000)
afterAll(() => server.close())

/** Why a gateway does not start with it. */
async function refusal(url: URL): Promise<string> {
  // Sound: an unusable database is found before anything else of the configuration is read.
  const opening = openCluster({} as GatewayConfig, url.href, {
    migrations: MIGRATIONS,
    log: () => {},
  })
  return opening.then(
    () => 'started',
    (error: Error) => `${error.name}: ${error.message} ${JSON.stringify(error)}`,
  )
}

function changed(changes: Partial<Pick<URL, 'port' | 'password' | 'pathname' | 'hostname'>>): URL {
  return Object.assign(new URL(good), changes)
}

test('a database that cannot be used ends the start, says what to mend, and names no password', async () => {
  const port = await freePort()
  const cases: readonly (readonly [URL, RegExp])[] = [
    [changed({ port: String(port) }), /nobody listens there/],
    [changed({ password: 'wrong-but-secret' }), /the password is wrong/],
    [changed({ pathname: '/absent' }), /does not exist: create it/],
    [changed({ hostname: 'no-such-host.invalid' }), /host name is unknown/],
  ]
  for (const [url, remedy] of cases) {
    const said = await refusal(url)
    expect(said).toMatch(/^ConfigError: /)
    expect(said).toMatch(remedy)
    expect(said).not.toContain(url.password)
    expect(said).not.toContain(good.password)
  }
}, 60_000)

test('a database of a newer release ends the start too', async () => {
  const url = new URL(await server.database('newer'))
  await migratePostgres(url.href, MIGRATIONS)
  const bridge = openBridge(url.href, 'test')
  openPostgres(bridge).script("INSERT INTO migrations VALUES ('9999_later', '')")
  await bridge.close()
  expect(await refusal(url)).toMatch(
    /^ConfigError: DATABASE_URL: a newer release wrote it .* restore a backup/,
  )
}, 60_000)

test('a script never leaves the transaction that it is in: not even for a new connection', async () => {
  const url = await server.database('broken')
  const [bridge, other] = [openBridge(url, 'moving'), openBridge(url, 'test')]
  const [store, admin] = [openPostgres(bridge), openPostgres(other)]
  const ends = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'cocoon moving' AND datname = current_database()`
  const work = () =>
    store.transaction(() => {
      store.script('CREATE TABLE first (x BIGINT)')
      admin.script(ends)
      // For the other thread to hear of it; whether it has changes nothing.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
      store.script('CREATE TABLE second (x BIGINT)')
    })
  expect(work).toThrow(/the connection broke/)
  const made = admin.prepare("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
  expect(made.all()).toEqual([])
  await Promise.all([bridge.close(), other.close()])
}, 60_000)
