import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openSqlite } from '#gateway/node/open-sqlite.ts'
import { openDesk } from '../testing/run-command.ts'
import { exportCommand } from './export.ts'
import { gateway } from './gateway.ts'

const desk = openDesk()
afterAll(() => desk.close())

const DATABASE_PATH = join(desk.folder, 'gateway.db')

test('a database of a newer release ends the start in one line that says what to do', async () => {
  const store = openSqlite(DATABASE_PATH)
  store.script('CREATE TABLE migrations (name TEXT PRIMARY KEY, sql TEXT NOT NULL)')
  store.script("INSERT INTO migrations VALUES ('9999_later', '')")
  store.close()
  const settings = {
    DATABASE_PATH,
    GATEWAY_SECRET: '11'.repeat(32),
    REGISTRY_ADDRESS: `0:${'22'.repeat(32)}`,
    TON_ENDPOINT: 'http://127.0.0.1:1',
    GATEWAY_ENV: 'development',
  }
  const remedy = /start that release, or restore a backup from before the upgrade$/
  const started = await desk.run(gateway, '', settings)
  expect(started).toMatchObject({ code: 2, out: '', err: expect.stringMatching(remedy) })
  expect(started.err).toContain(`DATABASE_PATH: ${DATABASE_PATH}: a newer release wrote it`)

  const exported = await desk.run(exportCommand, '--to all.jsonl', { DATABASE_PATH })
  expect(exported).toMatchObject({ code: 1, out: '', err: expect.stringMatching(remedy) })
  expect(`${started.err}${exported.err}`).not.toContain('\n')
})
