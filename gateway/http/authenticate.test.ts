import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { createSessionTokens, isSessionToken } from '../accounts/session-token.ts'
import { ALICE } from '../ledger/testing/fixtures.ts'
import { randomBytes } from '../testing/world.ts'
import { readKey } from './authenticate.ts'

test('a session at the longest origin that there is, is read as it was issued', async () => {
  const label = 'a'.repeat(61)
  const gateway = `https://${label}.${label}.${label}.${label}.abcde:65535`
  expect(new URL(gateway).hostname.length).toBe(253)
  const clock = () => unixMs(1_700_000_000_000)
  const sessions = createSessionTokens({ secret: randomBytes(32), gateway, clock })
  const { token } = await sessions.issue(ALICE, 'f'.repeat(64))
  expect(isSessionToken(token)).toBe(true)
  const read = readKey(`Bearer ${token}`, undefined)
  expect(await sessions.read(read)).toBe(ALICE)
})

test('what is longer than any credential is none', () => {
  expect(() => readKey(`Bearer ${'a'.repeat(2_000)}`, undefined)).toThrow(
    expect.objectContaining({ code: 'invalid_api_key' }),
  )
})
