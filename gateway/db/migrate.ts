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
 * @throws MigrateError
 */
export function migrate(store: Store, migrations: readonly Migration[]): void {
  store.transaction(() => {
    store.script(HISTORY)
    const find = store.prepare('SELECT sql FROM migrations WHERE name = ?')
    const mark = store.prepare('INSERT INTO migrations (name, sql) VALUES (?, ?)')
    const ordered = [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1))
    refuseNewer(store, ordered)
    for (const { name, sql } of ordered) {
      const applied = find.get(name)
      if (applied === undefined) {
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

function refuseNewer(store: Store, ordered: readonly Migration[]): void {
  const newest = store.prepare('SELECT max(name) FROM migrations').get()?.[0]
  const known = ordered.at(-1)?.name ?? ''
  if (typeof newest === 'string' && newest > known) {
    throw new MigrateError(
      'history_newer',
      `a newer release wrote it (it knows migration ${newest}): start that release, or restore a backup from before the upgrade`,
    )
  }
}
