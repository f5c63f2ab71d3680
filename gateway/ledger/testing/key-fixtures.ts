import type { UnixMs } from '#base/brand.ts'
import { keyId } from '../../db/ids.ts'
import { NO_RULES } from '../key-rules.ts'
import type { KeyBudget, Op, StoredKey } from '../port.ts'
import { ALICE, DAY_S, NOW, reserve, settle } from './fixtures.ts'

export const DAY_MS = DAY_S * 1000
/** 2023-11-14, a Tuesday, at 22:13:20. */
export const TUESDAY = NOW
export const KEY = keyId(`key_${'1'.repeat(20)}`)
export const NO_BUDGET: KeyBudget = { total: null, day: null, week: null, month: null }

export function testKey(said: Partial<StoredKey> = {}): StoredKey {
  return {
    id: KEY,
    hash: '11'.repeat(32),
    name: '',
    masked: 'sk-coc-…1111',
    role: 'inference',
    sealedOnly: false,
    rules: NO_RULES,
    budget: null,
    expires: null,
    revoked: null,
    created: NOW,
    previousUntil: null,
    ...said,
  }
}

export const addKey = (said: Partial<StoredKey> = {}): Op => ({
  op: 'add_key',
  account: ALICE,
  key: testKey(said),
})
export const budget = (said: Partial<KeyBudget>) => addKey({ budget: { ...NO_BUDGET, ...said } })
export const by = (number: number, amount: bigint, at: UnixMs = TUESDAY) =>
  reserve(number, amount, { key: KEY, at })
export const paid = (number: number, tokens: number, at: UnixMs = TUESDAY) =>
  settle(number, tokens, { at })
