import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import type { AccountId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import { createWaitingRoom, type Guest } from './waiting-room.ts'

const LIMITS = { requests: 4, bytes: 1_000, seconds: 30 }

function guest(account: string, model: string, bytes = 1): Guest {
  const client = { gone: false, listen: () => {} } as Partial<Guest['client']> as Guest['client']
  // Sound for this test: nobody parses the account here, and the room only listens to its client.
  return { account: account as AccountId, models: [model], client, bytes }
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
