import { join } from 'node:path'
import { hex, utf8 } from '#base/bytes.ts'
import type { Store } from '#gateway/db/db.ts'
import { migrate } from '#gateway/db/migrate.ts'
import { applyCall } from '#gateway/ledger/apply-call.ts'
import { createCore, type LedgerCore } from '#gateway/ledger/core.ts'
import { ALICE, BOB, mirror, NOW_S, reserve, settle } from '#gateway/ledger/testing/fixtures.ts'
import { readStore } from '#gateway/moving/read-store.ts'
import { createStreamReader, createStreamWriter, type StreamLine } from '#gateway/moving/stream.ts'
import { MovingError, writeUnit } from '#gateway/moving/write-unit.ts'
import { openSqlite } from '#gateway/node/open-sqlite.ts'
import { readMigrations } from '#gateway/node.ts'
import { nodeProvider } from '#protocol/node'
import { type Bytes, type FuzzTarget, target, Violation } from '../engine/target.ts'
import { jsonBytes, show, textOf } from './texts.ts'

const MIGRATIONS = join(import.meta.dirname, '..', '..', '..', 'migrations')
/** Each is a transaction of some dozen statements. */
const WRITTEN_INPUTS = 200_000
const sha256 = (bytes: Uint8Array): Uint8Array => nodeProvider.hashes.sha256(bytes)

/** The hash chain has no key: whoever makes a file makes its hashes too. */
export function movingTargets(): readonly FuzzTarget[] {
  const from = openMigrated()
  applyCall(from.core, [mirror(ALICE, 10_000n), reserve(1, 700n), settle(1, 5), reserve(2, 600n)])
  applyCall(from.core, [{ op: 'maintain', now: NOW_S }])
  const units = [...readStore(from.store)].map((read) => read())
  const end = { accounts: 1, available: '1', held: '0', hosts: '0', fees: '0' }
  return [
    target({
      name: 'line of an export file',
      file: 'gateway/moving/stream.ts',
      grammar: 'json',
      corpus: [...units.map((unit) => ({ unit })), { mark: { next: null } }, { end }].map(
        jsonBytes,
      ),
      errors: [MovingError],
      parse: readLine,
    }),
    target({
      name: 'unit of an export file, written',
      file: 'gateway/moving/write-unit.ts',
      grammar: 'json',
      // An account's history follows the account: here it comes to the one that is there.
      corpus: units
        .map((unit) => (unit.kind === 'history' ? { ...unit, id: BOB } : unit))
        .map((unit) => jsonBytes({ unit })),
      errors: [MovingError],
      parse: writer(openMigrated()),
      inputs: WRITTEN_INPUTS,
    }),
  ]
}

function openMigrated(): { readonly store: Store; readonly core: LedgerCore } {
  const store = openSqlite(':memory:')
  migrate(store, readMigrations(MIGRATIONS))
  return { store, core: createCore(store, { hosts: 'here' }) }
}

function readLine(bytes: Bytes): StreamLine {
  const head = createStreamWriter(sha256).head(['0000_init'])
  const read = createStreamReader(sha256)
  read(head.trimEnd())
  const text = textOf(bytes)
  return read(`${hex(sha256(utf8(`${head.slice(0, 64)} ${text}`)))} ${text}`)
}

class Undone extends Error {}

/** Writes into books that have somebody else's account, looks at them, and takes it back. */
function writer({ store, core }: ReturnType<typeof openMigrated>): (bytes: Bytes) => void {
  applyCall(core, [mirror(BOB, 5_000n)])
  const readBob = store.prepare(`SELECT * FROM accounts WHERE id = '${BOB}'`)
  const bob = show(readBob.get())
  const after = (): void => {
    if (show(readBob.get()) !== bob) throw new Violation('changes an account that was here')
    throw new Undone('seen')
  }
  return (bytes) => {
    const line = readLine(bytes)
    if (line.kind !== 'unit') throw new MovingError('malformed', 'no unit')
    try {
      writeUnit(store, line.unit, { digest: line.digest, hosts: 'here', after })
    } catch (error) {
      if (!(error instanceof Undone)) throw error
    }
  }
}
