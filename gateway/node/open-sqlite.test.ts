import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openSqlite } from './open-sqlite.ts'

const folder = mkdtempSync(join(tmpdir(), 'cocoon-mode-'))
afterAll(() => rmSync(folder, { recursive: true }))

const modes = (): Readonly<Record<string, number>> =>
  Object.fromEntries(
    readdirSync(folder).map((name) => [name, statSync(join(folder, name)).mode & 0o777]),
  )

test('its files are for their owner alone, whatever the process would else give them', () => {
  const before = process.umask(0)
  const path = join(folder, 'books.db')
  const store = openSqlite(path)
  store.script('CREATE TABLE t (a); INSERT INTO t VALUES (1)')
  expect(modes()).toEqual({ 'books.db': 0o600, 'books.db-shm': 0o600, 'books.db-wal': 0o600 })
  store.close()
  process.umask(before)
  // An operator who lets a group read backups decides so.
  chmodSync(path, 0o640)
  openSqlite(path).close()
  expect(modes()).toMatchObject({ 'books.db': 0o640 })
})
