import { CodedError } from '#base/coded-error.ts'
import type { Store } from './db.ts'

export interface Migration {
  /** `0000_init`: applied in the order of names. */
  readonly name: string
  readonly sql: string
}

/** `history_changed`, `history_newer`: stop; this program must not touch that database. The message ends with the remedy. */
export type MigrateErrorCode = 'history_changed' | 'history_newer'
export class MigrateError extends CodedError<MigrateErrorCode> {}

const HISTORY = 'CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, sql TEXT NOT NULL)'

/**
 * Brings a store to the newest migration in one transaction: it is of this release after it, or untouched. Applied
 * ones are compared word for word: migrations only grow.
 * @param tell of each that a store which is in use needs, before it runs: a large table may take long
 * @throws MigrateError
 */
export function migrate(
  store: Store,
  migrations: readonly Migration[],
  tell: (name: string) => void = () => {},
): void {
  store.transaction(() => {
    store.script(HISTORY)
    const find = store.prepare('SELECT sql FROM migrations WHERE name = ?')
    const mark = store.prepare('INSERT INTO migrations (name, sql) VALUES (?, ?)')
    const ordered = [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1))
    const isNew = refuseNewer(store, ordered)
    for (const { name, sql } of ordered) {
      const applied = find.get(name)
      if (applied === undefined) {
        if (!isNew) tell(name)
        store.script(sql)
        mark.run(name, sql)
      } else if (applied[0] !== sql) {
        throw new MigrateError(
          'history_changed',
          `its migration ${name} differs from this release's: start the release that wrote it, or restore a backup`,
        )
      }
    }
  })
}

/** @returns whether the store is empty */
function refuseNewer(store: Store, ordered: readonly Migration[]): boolean {
  const applied = store.prepare('SELECT name FROM migrations ORDER BY name').all().flat()
  const known = new Set<unknown>(ordered.map(({ name }) => name))
  const unknown = applied.filter((name) => !known.has(name)).at(-1)
  if (unknown === undefined) return applied.length === 0
  throw new MigrateError(
    'history_newer',
    `a newer release wrote it (it knows migration ${unknown}): start that release, or restore a backup from before the upgrade`,
  )
}
