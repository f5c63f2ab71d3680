import { beforeEach, describe, expect, test } from 'vitest'
import { type UnixMs, unixMs } from '#base/brand.ts'
import { keyId } from '../../../db/ids.ts'
import { MAX_KEYS } from '../../keys.ts'
import type { Ledger } from '../../port.ts'
import { ALICE, BOB, NOW } from '../fixtures.ts'
import type { Opened } from '../harness.ts'
import { testKey } from '../key-fixtures.ts'

/** API keys belong to one account, and a revoked one is revoked for good. */
export function keyRules(opened: Opened): void {
  describe('keys', () => {
    let ledger: Ledger
    beforeEach(() => {
      ledger = opened().ledger
    })

    const key = testKey({
      id: keyId(`key_${'0'.repeat(20)}`),
      hash: 'ab'.repeat(32),
      name: 'laptop',
      masked: 'sk-coc-…wxyz',
    })

    test('a key is found by its hash within its own account only', async () => {
      const [added, unowned] = await ledger.commit([
        { op: 'add_key', account: ALICE, key },
        { op: 'add_key', account: BOB, key },
      ])
      expect([added, unowned]).toEqual([{ ok: true }, { ok: false, code: 'unknown_account' }])
      const [own, foreign] = await ledger.commit([
        { op: 'find_key', account: ALICE, hash: key.hash },
        { op: 'find_key', account: BOB, hash: key.hash },
      ])
      expect(own).toEqual({ ok: true, key, mode: 'managed', previous: false })
      expect(foreign).toEqual({ ok: false, code: 'unknown_key' })
    })

    test('a key revoked once stays revoked as of then', async () => {
      await ledger.commit([{ op: 'add_key', account: ALICE, key }])
      const change = { op: 'change_key', account: ALICE, id: key.id, at: NOW } as const
      const [, , renamed] = await ledger.commit([
        { ...change, revoked: NOW },
        { ...change, revoked: unixMs(NOW + 1) },
        { ...change, name: 'desk', sealedOnly: true },
        { ...change, account: BOB, name: 'stolen' },
      ])
      const expected = { ...key, name: 'desk', sealedOnly: true, revoked: NOW }
      expect(renamed).toEqual({ ok: true, key: expected })
      const [list] = await ledger.commit([{ op: 'list_keys', account: ALICE }])
      expect(list.keys).toEqual([expected])
    })

    test('an account that has all the keys it may gets another for the one that it revoked first', async () => {
      const make = (n: number) => {
        const text = String(n).padStart(20, '0')
        const names = { id: keyId(`key_${text}`), hash: text.padStart(64, '0') }
        return { op: 'add_key', account: ALICE, key: testKey(names) } as const
      }
      const full = { ok: false, code: 'too_many_keys' }
      const added = await ledger.commit(Array.from({ length: MAX_KEYS }, (_, n) => make(n)))
      expect(added.every(({ ok }) => ok)).toBe(true)
      expect(await ledger.commit([make(MAX_KEYS)])).toEqual([full])
      const revoke = (n: number, at: UnixMs) =>
        ({ op: 'change_key', account: ALICE, id: make(n).key.id, revoked: at, at }) as const
      await ledger.commit([revoke(7, unixMs(NOW + 2)), revoke(9, unixMs(NOW + 1))])
      const list = async () => {
        const [{ keys }] = await ledger.commit([{ op: 'list_keys', account: ALICE }])
        return keys.map(({ id }) => id)
      }
      expect(await ledger.commit([make(MAX_KEYS)])).toEqual([{ ok: true }])
      expect(await list()).not.toContain(make(9).key.id)
      expect(await list()).toContain(make(7).key.id)
      expect(await ledger.commit([make(MAX_KEYS + 1), make(MAX_KEYS + 2)])).toEqual([
        { ok: true },
        full,
      ])
      expect(await list()).toHaveLength(MAX_KEYS)
    })
  })
}
