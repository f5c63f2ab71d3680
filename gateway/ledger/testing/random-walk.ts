import fc from 'fast-check'
import { expect } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { MAX_COLUMN_NANO, nano } from '#base/nano.ts'
import type { AccountId } from '../../db/ids.ts'
import type { Ledger, Op, Result } from '../port.ts'
import {
  ALICE,
  BOB,
  DAY_S,
  HOST,
  later,
  mirror,
  NOW,
  OTHER_HOST,
  OTHER_TERMS,
  request,
  reserve,
  settle,
  TERMS,
  TILL,
} from './fixtures.ts'
import type { Harness } from './harness.ts'

/**
 * Random operations against a ledger, several calls at a time, some of which fail half-way, with restarts between. What the
 * results claim is added up here and must be what the books say, and every invariant must hold.
 */
const account = fc.constantFrom(ALICE, BOB)
const attempt = fc.integer({ min: 1, max: 2 })
const number = fc.integer({ min: 1, max: 6 })
/** Mostly the account and the runner that belong to a request, so that receipts meet their holds. */
const named = fc
  .record({ number, attempt, account, terms: fc.constantFrom(TERMS, OTHER_TERMS), odd: fc.nat(7) })
  .map(({ number, attempt, account, terms, odd }) =>
    odd === 0
      ? { number, attempt, account, terms }
      : {
          number,
          attempt,
          account: number <= 4 ? ALICE : BOB,
          terms: attempt === 1 ? TERMS : OTHER_TERMS,
        },
  )
const small = fc.bigInt({ min: 0n, max: 400n })

const credits = fc.record({ account, credit: fc.bigInt({ min: 0n, max: 2_000n }), seqno: number })

const op: fc.Arbitrary<Op> = fc.oneof<fc.WeightedArbitrary<Op>[]>(
  {
    weight: 3,
    arbitrary: credits.map(({ account, credit, seqno }) => mirrorOf(account, { credit, seqno })),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(named, small)
      .map(([{ account, number, attempt, terms }, amount]) =>
        reserve(number, amount, { account, attempt, terms }),
      ),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(named, fc.integer({ min: 0, max: 60 }))
      .map(([{ account, number, attempt, terms }, tokens]) =>
        settle(number, tokens, { account, attempt, runner: terms.runner, payee: terms.payee }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc.record({ account, number, attempt }).map(({ account, number, attempt }) => ({
      op: 'release',
      account,
      request: request(number),
      attempt,
      at: NOW,
    })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(0, 21_600, 10 * DAY_S)
      .map((seconds) => ({ op: 'maintain', now: later(seconds) })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ account, debit: small, paidOut: small, seqno: number, exit: fc.boolean() })
      .map(({ account, debit, paidOut, seqno, exit }) =>
        mirrorOf(account, { debit, paidOut, seqno, exit }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ payee: fc.constantFrom(HOST, OTHER_HOST), cumulative: small })
      .map(({ payee, cumulative }) => ({
        op: 'record_voucher',
        till: TILL,
        payee,
        cumulative: nano(cumulative + 1n),
        signature: '',
        at: NOW,
      })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ account, cumulative: small }).map(({ account, cumulative }) => ({
      op: 'record_charge',
      till: TILL,
      items: [{ account, cumulative: nano(cumulative + 1n) }],
      batch: '',
      signature: '',
      at: NOW,
    })),
  },
)

/** A call that fails after its operations were applied. */
const POISON: Op = mirror(ALICE, MAX_COLUMN_NANO + 1n)

const call = fc.record({ ops: fc.array(op, { minLength: 1, maxLength: 6 }), fails: fc.nat(9) })
const step = fc.record({
  calls: fc.array(call, { minLength: 1, maxLength: 4 }),
  restart: fc.nat(9),
})
export const walks = fc.array(step, { minLength: 1, maxLength: 30 })
export type Walk = typeof walks extends fc.Arbitrary<infer T> ? T : never

function mirrorOf(
  account: AccountId,
  said: { credit?: bigint; debit?: bigint; paidOut?: bigint; seqno: number; exit?: boolean },
): Op {
  return mirror(account, said.credit ?? 0n, {
    // The Till never takes or pays more than was credited to it.
    debit: nano(said.debit ?? 0n),
    paidOut: nano(said.paidOut ?? 0n),
    exitAt: said.exit ? later(DAY_S) : null,
    seqno: said.seqno,
    at: unixMs(NOW + said.seqno),
  })
}

/** What the results so far claim. */
class Claims {
  readonly settled = new Map<string, bigint>()
  readonly held = new Map<string, bigint>()
  /** Whose receipt settled an attempt. */
  readonly owners = new Map<string, string>()
  shares = 0n
  commissions = 0n
  credited = 0n

  add(op: Op, result: Result): void {
    if (!result.ok) {
      // Whatever else was refused: a receipt that was settled stays a duplicate for its own account and runner.
      if (op.op === 'settle') expect(this.owners.get(nameOf(op))).not.toBe(ownerOf(op))
      return
    }
    if (op.op === 'mirror_account' && 'credited' in result) this.credited += result.credited
    if (op.op === 'reserve') this.held.set(nameOf(op), op.amount)
    if (op.op === 'release' && 'released' in result && result.released) this.held.delete(nameOf(op))
    if (op.op === 'maintain' && 'lapsed' in result && result.lapsed > 0) this.held.clear()
    if (op.op === 'settle' && 'cost' in result) {
      this.addSettlement(nameOf(op), result)
      this.owners.set(nameOf(op), ownerOf(op))
    }
  }

  private addSettlement(
    name: string,
    result: { duplicate: boolean; late: boolean; cost: bigint; share: bigint; commission: bigint },
  ): void {
    expect(this.settled.has(name)).toBe(result.duplicate)
    if (result.duplicate) {
      expect(this.settled.get(name)).toBe(result.cost)
      return
    }
    const held = this.held.get(name)
    expect(held !== undefined).toBe(!result.late)
    if (held !== undefined) expect(result.cost).toBeLessThanOrEqual(held)
    this.held.delete(name)
    this.settled.set(name, result.cost)
    this.shares += result.share
    this.commissions += result.commission
  }
}

function nameOf(op: { account: string; request: string; attempt: number }): string {
  return `${op.request}.${op.attempt}`
}

function ownerOf(op: { account: string; runner: string; payee: string }): string {
  return `${op.account} ${op.runner} ${op.payee}`
}

const sum = (values: Iterable<bigint>): bigint => [...values].reduce((a, b) => a + b, 0n)

/** Walks and checks. */
export async function walk(open: () => Promise<Harness>, steps: Walk): Promise<void> {
  const harness = await open()
  let ledger = harness.ledger
  const claims = new Claims()
  for (const { calls, restart } of steps) {
    if (restart === 0) ledger = await harness.restart()
    await Promise.all(
      calls.map(async ({ ops, fails }) => {
        if (fails === 0) {
          await expect(ledger.commit([...ops, POISON])).rejects.toMatchObject({
            code: 'unavailable',
          })
          return
        }
        const results: readonly Result[] = await ledger.commit(ops)
        ops.forEach((op, i) => {
          const result = results[i]
          if (result !== undefined) claims.add(op, result)
        })
      }),
    )
    await check(ledger, claims)
  }
}

async function check(ledger: Ledger, claims: Claims): Promise<void> {
  const [audit, one, two] = await ledger.commit([
    { op: 'audit' },
    { op: 'read_host', payee: HOST },
    { op: 'read_host', payee: OTHER_HOST },
  ])
  // What the chain debited beyond our books is the one thing that random observations may break.
  expect(audit.broken.filter((line) => !line.startsWith('the Till collected'))).toEqual([])
  expect(audit.held).toBe(sum(claims.held.values()))
  expect(one.host.earned + two.host.earned).toBe(claims.shares)
  expect(audit.fees).toBe(claims.commissions)
}
