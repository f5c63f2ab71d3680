import { nano } from '#base/nano.ts'
import type { RunnerId } from '#gateway/db/ids.ts'
import type { Ledger, Op, Result, ResultsOf } from '#gateway/ledger/port.ts'
import { parseKeyset } from '#protocol'
import type { Sabotage } from '../gateway-process.ts'
import { type Guard, same, sql, wrapped } from './guard.ts'

/** One call in two transactions: what must happen together happens apart. */
function apart(ledger: Ledger): Ledger {
  return {
    async commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
      const [first, ...rest] = ops
      if (first?.op !== 'advance_cursor') return ledger.commit(ops)
      const results = [await ledger.commit([first]), await ledger.commit(rest)].flat()
      // Sound: the results of both halves, in order.
      return results as unknown as ResultsOf<Ops>
    },
  }
}

export const GUARDS_OF_LEDGER: readonly Guard[] = [
  {
    name: 'an attempt is settled once',
    broken: {
      sabotage: {
        sql: (text) =>
          text.startsWith('DELETE FROM holds') && text.includes('RETURNING')
            ? text
                .replace(
                  'DELETE FROM holds',
                  'SELECT amount, terms, key, created, deadline FROM holds',
                )
                .replace(/RETURNING.*/, '')
            : text,
      },
    },
  },
  {
    name: 'a settlement never takes more than its hold',
    broken: {
      sabotage: {
        core: wrapped('settle', same, (op, result, store) => {
          if (!('cost' in result) || result.duplicate) return result
          store
            .prepare(
              'UPDATE accounts SET available = available - 1, settled = settled + 1 WHERE id = ?',
            )
            .run(op.account)
          return result
        }),
      },
    },
  },
  {
    name: 'a lapsed hold is not given back again',
    broken: {
      sabotage: {
        sql: sql('SELECT state, amount, key, terms', "SELECT 'open', amount, key, terms"),
      },
    },
  },
  {
    name: 'a failed attempt is not charged',
    broken: {
      sabotage: {
        core: (core, store) => ({
          apply: (calls) => {
            const outcomes = core.apply(calls)
            if (!outcomes.every(({ ok }) => ok)) return outcomes
            store.prepare("UPDATE holds SET state = 'lapsed' WHERE state = 'void'").run()
            return outcomes
          },
        }),
      },
    },
  },
  {
    name: 'a late receipt takes only what is there',
    broken: {
      sabotage: { sql: sql('WHERE no = ? AND available >= ?', 'WHERE no = ? AND ? >= 0') },
    },
  },
  {
    name: 'a receipt is settled for the runner that held',
    broken: {
      sabotage: {
        core: wrapped('settle', (op, store) => {
          const row = store
            .prepare(
              `SELECT t.runner, t.payee FROM holds h JOIN terms t ON t.id = h.terms
               WHERE h.request = ? AND h.attempt = ?`,
            )
            .get(op.request, op.attempt)
          if (row === undefined) return op
          // Sound: columns of runners and payees.
          return { ...op, runner: row[0] as never, payee: row[1] as never }
        }),
        keysetOf: (keysetOf, runners) => async (runner, digest) =>
          (await keysetOf(runner, digest)) ?? anyKeyset(runners, digest),
      },
    },
  },
  {
    name: 'a settlement is at the price that was reserved',
    broken: { sabotage: { sql: sql('AND price_output = ?', 'AND ? >= 0') } },
  },
  {
    name: 'nobody holds more than is available',
    broken: { sabotage: { sql: sql('AND available >= ? AND exit_at', 'AND ? >= 0 AND exit_at') } },
  },
  {
    name: 'the cap of the day',
    broken: {
      sabotage: {
        sql: (text) =>
          text.replace(
            /CASE mode\s+WHEN 'managed'.*?>= \?\s/s,
            "CASE mode WHEN 'managed' THEN ? > 0 AND ? >= 0 ",
          ),
      },
    },
  },
  {
    name: 'one hold beyond the cheque',
    broken: { sabotage: { sql: sql('ELSE settled + held - cheque <= ?', 'ELSE ? >= 0') } },
  },
  {
    name: 'budgets of keys',
    broken: {
      sabotage: {
        sql: sql('FROM key_budgets WHERE key = ?', 'FROM key_budgets WHERE key = ? AND 0'),
      },
    },
  },
  {
    name: 'an exit closes its account',
    broken: {
      sabotage: {
        sql: (text) =>
          text
            .replace('AND exit_at IS NULL', '')
            .replace('AND NOT EXISTS (SELECT 1 FROM exits WHERE exits.account = accounts.id)', ''),
      },
    },
  },
  {
    name: 'a final debit waits for open requests',
    broken: {
      sabotage: {
        exitsLedger: (ledger) => ({
          commit: async (ops) => {
            const results = await ledger.commit(ops)
            const blind = results.map((result: Result) =>
              'account' in result
                ? { ...result, account: { ...result.account, held: 0n } }
                : result,
            )
            // Sound: the same results but for one number.
            return blind as unknown as typeof results
          },
        }),
        core: wrapped('sign_final', same, (_, result) => (result.ok ? result : { ok: true })),
      },
    },
  },
  {
    name: 'a cheque never goes down',
    broken: {
      sabotage: {
        core: wrapped('accept_cheque', same, (op, result, store) => {
          store
            .prepare("UPDATE accounts SET cheque = ? WHERE id = ? AND mode = 'sovereign'")
            .run(Number(op.cumulative), op.account)
          return result
        }),
      },
    },
  },
  {
    name: 'a cheque stays below the money',
    broken: {
      sabotage: {
        core: wrapped('accept_cheque', same, (_, result) =>
          result.ok ? result : { ok: true, cumulative: nano(0n) },
        ),
      },
    },
  },
  {
    name: 'a second attempt gives the first one back',
    broken: {
      sabotage: {
        core: (core) => ({
          apply: (calls) =>
            core.apply(
              calls.map((ops) =>
                ops.map((op) =>
                  op.op === 'release' && ops.length === 2
                    ? { op: 'read_account', account: op.account }
                    : op,
                ),
              ),
            ),
        }),
      },
    },
  },
  {
    name: 'an idempotency key is taken once',
    broken: {
      sabotage: {
        core: wrapped('claim_once', same, (_, result) => (result.ok ? result : { ok: true })),
      },
    },
  },
  {
    name: 'a voucher waits until its debit is collected',
    broken: {
      sabotage: {
        script: `CREATE TRIGGER sabotage AFTER UPDATE OF earned ON hosts
          BEGIN UPDATE hosts SET collected = earned WHERE payee = NEW.payee; END`,
      },
    },
  },
  {
    name: 'a credit is taken over once',
    broken: {
      sabotage: {
        core: wrapped('mirror_account', (op, store) => {
          const row = store.prepare('SELECT credited FROM accounts WHERE id = ?').get(op.account)
          return { ...op, credit: nano(op.credit + BigInt(row?.[0] ?? 0)) }
        }),
      },
    },
  },
  {
    name: 'what is posted is what is in the accounts',
    broken: {
      sabotage: {
        script: `CREATE TRIGGER sabotage AFTER INSERT ON transfers WHEN NEW.kind = 'share'
          BEGIN UPDATE transfers SET amount = NEW.amount + 1 WHERE id = NEW.id; END`,
      },
    },
  },
  {
    name: 'a key that was taken back opens nothing',
    broken: {
      sabotage: {
        core: wrapped('find_key', same, (_, result) =>
          'key' in result
            ? { ...result, previous: false, key: { ...result.key, revoked: null } }
            : result,
        ),
      },
    },
  },
  {
    name: 'money moves with the cursor',
    broken: { sabotage: { ledger: apart } },
  },
  {
    name: 'an account with money is not forgotten',
    broken: {
      sabotage: {
        sql: (text) =>
          text.replace(
            'WHERE credited = 0 AND paid_out = 0 AND settled = 0 AND held = 0',
            'WHERE 1',
          ),
      },
    },
  },
]

async function anyKeyset(
  runners: Parameters<NonNullable<Sabotage['keysetOf']>>[1],
  digest: string,
) {
  for (const runner of ['run_0', 'run_1', 'run_2', 'run_3']) {
    // Sound: names of the simulation's runners.
    const document = await runners.findKeyset(runner as RunnerId, digest)
    if (document === undefined) continue
    // Sound: a session document holds its keyset under this name.
    const { workload_keyset } = JSON.parse(document) as { workload_keyset: unknown }
    return parseKeyset(workload_keyset, 'keyset')
  }
  return undefined
}
