import Database from 'better-sqlite3'
import { toSeconds } from '#base/brand.ts'
import { applyCall } from '#gateway/ledger/apply-call.ts'
import type { Op } from '#gateway/ledger/port.ts'
import {
  ALICE,
  BOB,
  HOST,
  mirror,
  NOW,
  OTHER_TERMS,
  reserve,
  settle,
} from '#gateway/ledger/testing/fixtures.ts'
import { systemClock } from '../../system-clock.ts'
import { openForMoving } from '../own-store.ts'

/** When the books are moved. */
export const TODAY = toSeconds(systemClock())

/** More than one unit holds. */
export const SETTLEMENTS = 1_203

/** Two accounts, two hosts, keys, budgets, an exit that took too much, open holds, and more settlements than one unit has. */
export async function fill(path: string): Promise<void> {
  const { store, core, close } = openForMoving(path, TODAY)
  const run = (...ops: readonly Op[]) => applyCall(core, ops)
  run(mirror(ALICE, 10_000_000n), mirror(BOB, 5_000n))
  const used = Array.from({ length: SETTLEMENTS }, (_, i) => [
    reserve(i, 700n),
    settle(i, 1 + (i % 50)),
  ])
  run(...used.flat())
  const other = { account: BOB, terms: OTHER_TERMS }
  run(reserve(9_001, 700n, other))
  run(settle(9_001, 30, { account: BOB, runner: OTHER_TERMS.runner, payee: OTHER_TERMS.payee }))
  run(reserve(9_002, 500n, other), reserve(9_003, 600n))
  // The chain collected a part, a host was vouchered for it, and an exit paid out more than was left.
  run(mirror(ALICE, 10_000_000n, { debit: 2_000n as never, seqno: 2 }))
  const [{ host }] = run({ op: 'read_host', payee: HOST }) as unknown as [
    { host: { collected: never } },
  ]
  run({
    op: 'record_voucher',
    till: HOST,
    payee: HOST,
    cumulative: host.collected,
    signature: 'ab'.repeat(64),
    at: NOW,
  })
  run({ op: 'mirror_host', payee: HOST, redeemed: 100n as never, at: NOW })
  run(mirror(BOB, 5_000n, { paidOut: 5_000n as never, seqno: 2 }))
  run(mirror(BOB, 5_050n, { paidOut: 5_000n as never, seqno: 3 }))
  store.script(`INSERT INTO api_keys (id, account, hash, name, masked, sealed_only, created)
    VALUES ('key_00000000000000000000', '${ALICE}', '${'cd'.repeat(32)}', 'laptop', 'sk-coc-…abcd', 0, 1);
    INSERT INTO chain_cursors VALUES ('${HOST}', '00000000000000000007', '${'ef'.repeat(32)}')`)
  applyCall(core, [{ op: 'maintain', now: 1 as never }])
  await close()
}

/** What an owner or a host could miss, free of the numbers that a store gives to its rows. */
export function facts(path: string) {
  const db = new Database(path, { readonly: true })
  const all = (sql: string): unknown[] => db.prepare(sql).all()
  const found = {
    accounts: all('SELECT * FROM accounts ORDER BY id').map((row) => ({
      ...(row as object),
      no: 0,
    })),
    keys: all('SELECT * FROM api_keys ORDER BY id'),
    usage: all('SELECT day, key, model, requests, cost FROM usage_days ORDER BY 1, 2, 3, 5'),
    holds: all(
      'SELECT request, attempt, state, amount, runner, deadline FROM holds h JOIN terms t ON t.id = h.terms ORDER BY 1',
    ),
    settlements: all(
      `SELECT a.id, request, attempt, cost, commission, cumulative, runner, payee, document FROM settlements s
       JOIN accounts a ON a.no = s.account JOIN terms t ON t.id = s.terms JOIN receipts r ON r.settlement = s.id
       ORDER BY 2, 3`,
    ),
    hosts: all('SELECT * FROM hosts ORDER BY payee'),
    vouchers: all('SELECT till, payee, cumulative, signature FROM vouchers ORDER BY 2, 3'),
    cursors: all('SELECT * FROM chain_cursors'),
  }
  db.close()
  return found
}
