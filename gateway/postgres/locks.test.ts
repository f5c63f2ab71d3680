import { expect, test } from 'vitest'
import { ALICE, BOB, mirror, NOW_S, reserve, settle } from '../ledger/testing/fixtures.ts'
import { locksOf } from './locks.ts'

test('two accounts are locked in one order, whichever is named first', () => {
  const one = locksOf([mirror(ALICE, 1n), reserve(1, 1n, { account: BOB })])
  const other = locksOf([settle(1, 1, { account: BOB }), mirror(ALICE, 1n)])
  expect(one.kind).toBe('locked')
  expect(one).toEqual(other)
})

test('an account is locked once, however often it is named', () => {
  expect(locksOf([reserve(1, 1n), reserve(2, 1n)])).toEqual(locksOf([reserve(3, 1n)]))
})

test('what works on the whole store is alone, also beside what names an account', () => {
  const alone = locksOf([{ op: 'maintain', now: NOW_S }])
  expect(alone).toMatchObject({ kind: 'locked' })
  expect(locksOf([reserve(1, 1n), { op: 'maintain', now: NOW_S }])).toEqual(alone)
  expect(locksOf([reserve(1, 1n), { op: 'audit' }])).toEqual(alone)
  expect(locksOf([reserve(1, 1n)])).not.toEqual(alone)
})

test('reads and audits see one moment and lock nobody', () => {
  expect(locksOf([{ op: 'read_account', account: ALICE }, { op: 'audit' }])).toEqual({
    kind: 'snapshot',
  })
})
