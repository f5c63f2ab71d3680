import { expect, test } from 'vitest'
import { unixMs, unixSeconds } from '#base/brand.ts'
import { accountId, keyId, sessionId } from '../db/ids.ts'
import { createRelayedRequests, type RelayedRequest } from './relayed-requests.ts'

const relayedAt = (receiptId: string, seconds: number): RelayedRequest => ({
  receiptId,
  account: accountId('A'.repeat(32)),
  key: keyId(`key_${'0'.repeat(20)}`),
  endpoint: '/v1/chat/completions',
  model: 'test-model',
  session: sessionId('00'.repeat(32)),
  received: 'sha256:1',
  forwarded: 'sha256:2',
  returned: 'sha256:3',
  servedAt: unixSeconds(seconds),
})

test('a request is remembered for an hour, and no longer', () => {
  let now = 1_000_000
  const relayed = createRelayedRequests(() => unixMs(now * 1000))
  relayed.note(relayedAt('first', now))
  now += 1_800
  relayed.note(relayedAt('second', now))
  now += 1_800
  expect(relayed.find('first')?.receiptId).toBe('first')
  now += 1
  expect(relayed.find('first')).toBeUndefined()
  expect(relayed.find('second')?.receiptId).toBe('second')
})

test('of more than 65,536 the oldest is forgotten', () => {
  const relayed = createRelayedRequests(() => unixMs(0))
  for (let i = 0; i <= 65_536; i++) relayed.note(relayedAt(String(i), 0))
  expect(relayed.find('0')).toBeUndefined()
  expect(relayed.find('1')?.receiptId).toBe('1')
  expect(relayed.find('65536')?.receiptId).toBe('65536')
})
