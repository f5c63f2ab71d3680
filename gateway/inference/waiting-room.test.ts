import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import type { AccountId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import { createWaitingRoom, type Guest } from './waiting-room.ts'

const LIMITS = { requests: 4, bytes: 1_000, seconds: 30 }

function guest(account: string, model: string, { bytes = 1, others = [] as string[] } = {}): Guest {
  const client = { gone: false, listen: () => {} } as Partial<Guest['client']> as Guest['client']
  // Sound for this test: nobody parses the account here, and the room only listens to its client.
  return { account: account as AccountId, models: [model, ...others], client, bytes }
}

const codeOf = (waited: Promise<unknown>): Promise<unknown> =>
  waited.catch((error: unknown) => (error instanceof ApiError ? error.code : error))

test('a crowd of one account before one model keeps nobody from waiting for another', async () => {
  const room = createWaitingRoom(LIMITS, () => unixMs(0))
  const crowd = Array.from({ length: 4 }, () =>
    codeOf(room.wait(guest('a', 'busy'), () => undefined)),
  )
  let isFree = false
  const other = room.wait(guest('b', 'other'), () => (isFree ? 'a place' : undefined))
  expect(await crowd.at(-1)).toBe('rate_limit_exceeded')
  expect(await codeOf(room.wait(guest('a', 'other'), () => undefined))).toBe('rate_limit_exceeded')
  expect(room.size).toBe(4)
  isFree = true
  room.wake('other')
  expect(await other).toBe('a place')
})

test('where everybody has as much, the newcomer is told that it is full', async () => {
  const room = createWaitingRoom(LIMITS, () => unixMs(0))
  for (const account of ['a', 'b', 'c', 'd']) {
    void codeOf(room.wait(guest(account, 'busy'), () => undefined))
  }
  expect(await codeOf(room.wait(guest('e', 'busy'), () => undefined))).toBe('overloaded')
})

test('a free place is offered to who would take it instead of a first choice, before anybody new can come', async () => {
  const room = createWaitingRoom(LIMITS, () => unixMs(0))
  let places = 0
  const take = (): string | undefined => (places > 0 ? `place ${places--}` : undefined)
  const first = room.wait(guest('a', 'other'), take)
  const second = room.wait(guest('b', 'busy', { others: ['another', 'other'] }), take)
  const third = room.wait(guest('c', 'busy', { others: ['other'] }), take)
  places = 1
  room.wake('other')
  expect(await first).toBe('place 1')
  places = 1
  room.wake('other')
  expect([await second, places, room.size]).toEqual(['place 1', 0, 1])
  places = 1
  room.wake('another')
  expect([places, room.size]).toEqual([1, 1])
  room.wake('busy')
  expect([await third, room.size]).toEqual(['place 1', 0])
  places = 1
  room.wake('other')
  expect(places).toBe(1)
})
