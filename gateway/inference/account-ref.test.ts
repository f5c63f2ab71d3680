import { expect, test } from 'vitest'
import { nodeProvider } from '#protocol/node'
import { accountId, requestId } from '../db/ids.ts'
import { createAccountRefs } from './account-ref.ts'

const refs = createAccountRefs(nodeProvider, new Uint8Array(32).fill(7))
const ALICE = accountId('0123456789ABCDEFGHJKMNPQRSTVWXYZ')
const FIRST = requestId(`req_${'01'.repeat(16)}`)
const SECOND = requestId(`req_${'02'.repeat(16)}`)

test('a reference leads this gateway back to the account of that request', () => {
  expect(refs.open(refs.seal(ALICE, FIRST), FIRST)).toBe(ALICE)
})

test('shows nothing of the account, nor that two requests are of one account', () => {
  const [one, two] = [refs.seal(ALICE, FIRST), refs.seal(ALICE, SECOND)]
  expect(one).not.toBe(two)
  expect(atob(one.replaceAll('-', '+').replaceAll('_', '/'))).not.toContain(ALICE.slice(0, 6))
  expect(one).toMatch(/^[A-Za-z0-9_-]{64}$/)
})

test('charges nobody for another request, another gateway, or a changed bit', () => {
  const ref = refs.seal(ALICE, FIRST)
  expect(refs.open(ref, SECOND)).toBeUndefined()
  const other = createAccountRefs(nodeProvider, new Uint8Array(32).fill(8))
  expect(other.open(ref, FIRST)).toBeUndefined()
  for (let i = 0; i < ref.length; i++) {
    const changed = `${ref.slice(0, i)}${ref[i] === 'A' ? 'B' : 'A'}${ref.slice(i + 1)}`
    expect(refs.open(changed, FIRST)).toBeUndefined()
  }
  expect(refs.open('', FIRST)).toBeUndefined()
})
