import { expect, test } from 'vitest'
import type { LedgerCore } from './core.ts'
import { groupCommit } from './group-commit.ts'
import type { Op, Result } from './port.ts'

/** A core that writes down its transactions, and schedules whose tasks the test runs. */
function open() {
  const transactions: string[][] = []
  const turn: (() => void)[] = []
  const later: (() => void)[] = []
  const gathering: (() => void)[] = []
  const core: LedgerCore = {
    apply(calls) {
      transactions.push(calls.flat().map(({ op }) => op))
      // Sound for this test: nobody reads the results.
      return calls.map(() => ({ ok: true as const, results: [] as readonly Result[] }))
    },
  }
  const run = (tasks: (() => void)[]): void => {
    for (const task of tasks.splice(0)) task()
  }
  const ledger = groupCommit(core, (task) => turn.push(task), {
    patience: (task) => later.push(task),
    gather: (task) => gathering.push(task),
  })
  // Sound for this test: the core reads the name alone.
  const ask = (op: Op['op']): Promise<unknown> => ledger.commit([{ op } as Op])
  return {
    transactions,
    ask,
    endTurn: () => run(turn),
    endPatience: () => run(later),
    endGathering: () => run(gathering),
  }
}

test('what is asked for in one turn shares one transaction, in order', async () => {
  const { transactions, ask, endTurn } = open()
  const asked = [ask('reserve'), ask('find_key'), ask('reserve')]
  endTurn()
  await Promise.all(asked)
  expect(transactions).toEqual([['reserve', 'find_key', 'reserve']])
})

test('a settlement waits for a transaction that others need', async () => {
  const { transactions, ask, endTurn, endPatience } = open()
  const settled = ask('settle')
  endTurn()
  expect(transactions).toEqual([])
  const reserved = ask('reserve')
  endTurn()
  await Promise.all([settled, reserved])
  endPatience()
  expect(transactions).toEqual([['settle', 'reserve']])
})

test('a settlement that nobody takes along goes alone, and the next ones too', async () => {
  const { transactions, ask, endTurn, endPatience } = open()
  for (let i = 0; i < 2; i++) {
    const settled = [ask('settle'), ask('settle')]
    endTurn()
    endPatience()
    await Promise.all(settled)
  }
  expect(transactions).toEqual([
    ['settle', 'settle'],
    ['settle', 'settle'],
  ])
})

test('a read after a settlement sees it: it is in the same transaction, behind it', async () => {
  const { transactions, ask, endTurn } = open()
  const both = [ask('settle'), ask('read_account')]
  endTurn()
  await Promise.all(both)
  expect(transactions).toEqual([['settle', 'read_account']])
})

test('while a turn is about to end nothing waits longer', async () => {
  const { transactions, ask, endTurn, endPatience } = open()
  const both = [ask('reserve'), ask('settle')]
  endTurn()
  endPatience()
  await Promise.all(both)
  expect(transactions).toEqual([['reserve', 'settle']])
})

test('in a crowd all wait for each other, and few are served at once again', async () => {
  const { transactions, ask, endTurn, endGathering } = open()
  const crowd = [1, 2, 3, 4].map(() => ask('reserve'))
  endTurn()
  await Promise.all(crowd)
  const gathered = [ask('reserve')]
  endTurn()
  gathered.push(ask('settle'), ask('read_account'))
  endTurn()
  expect(transactions).toHaveLength(1)
  endGathering()
  await Promise.all(gathered)
  const single = ask('reserve')
  endTurn()
  await single
  expect(transactions.slice(1)).toEqual([['reserve', 'settle', 'read_account'], ['reserve']])
})

test('settlements go with their patience in a crowd too', async () => {
  const { transactions, ask, endTurn, endPatience, endGathering } = open()
  const crowd = [1, 2, 3, 4].map(() => ask('reserve'))
  endTurn()
  await Promise.all(crowd)
  const settled = ask('settle')
  endGathering()
  expect(transactions).toHaveLength(1)
  endPatience()
  await settled
  expect(transactions.slice(1)).toEqual([['settle']])
})

test('three at once are no crowd', async () => {
  const { transactions, ask, endTurn } = open()
  for (const count of [3, 1]) {
    const asked = Array.from({ length: count }, () => ask('reserve'))
    endTurn()
    await Promise.all(asked)
  }
  expect(transactions.map(({ length }) => length)).toEqual([3, 1])
})
