import { describe, expect, test } from 'vitest'
import { nano } from '#base/nano.ts'
import { testKey } from './testing/keys.ts'
import { CONFIG, DAY } from './testing/till-world.ts'
import { Till } from './till.ts'
import { rotationSeconds, type TillConfig } from './till-config.ts'
import { rotateKeyBody } from './till-messages.ts'

const config: TillConfig = {
  ...CONFIG,
  admin: `0:${'11'.repeat(32)}`,
  meterKey: testKey('meter').publicKey,
}

describe('deployment', () => {
  test('the address follows from every field, so that nothing can be changed unseen', () => {
    const address = (changes: Partial<TillConfig>) =>
      Till.createFromConfig({ ...config, ...changes }).address.toRawString()
    const changes: readonly Partial<TillConfig>[] = [
      {},
      { admin: `0:${'22'.repeat(32)}` },
      { meterKey: testKey('other').publicKey },
      { exitDelay: 1 },
      { rotationDelay: 1 },
      { holdDays: 2 },
      { dailyCap: nano(1n) },
      { maxFeeBps: 1 },
      { salt: new Uint8Array(32) },
    ]
    expect(new Set(changes.map(address)).size).toBe(changes.length)
  })

  test.each<[string, Partial<TillConfig>, string]>([
    ['a zero meter key (C1)', { meterKey: new Uint8Array(32) }, 'small_order_key'],
    ['a short meter key', { meterKey: new Uint8Array(31) }, 'bad_config'],
    ['no daily cap', { dailyCap: nano(0n) }, 'bad_config'],
    ['a fee that would take it all', { maxFeeBps: 10_000 }, 'bad_config'],
    ['a hold of a month', { holdDays: 30 }, 'bad_config'],
    ['an exit delay of a year', { exitDelay: 365 * DAY }, 'bad_config'],
    ['half a second', { exitDelay: 0.5 }, 'bad_config'],
    ['a negative delay', { rotationDelay: -1 }, 'bad_config'],
    ['a short salt', { salt: new Uint8Array(8) }, 'bad_config'],
  ])('%s is refused', (_, changes, code) => {
    expect(() => Till.createFromConfig({ ...config, ...changes })).toThrow(
      expect.objectContaining({ code }),
    )
  })

  test('C1: no rotation to a key of small order is built', () => {
    for (const byte of [0, 1]) {
      const key = new Uint8Array(32)
      key[0] = byte
      expect(() => rotateKeyBody(key, { dropPrevious: false })).toThrow(
        expect.objectContaining({ code: 'small_order_key' }),
      )
    }
  })

  test('H4: the rotation is longer than exit, hold and a day together', () => {
    expect(rotationSeconds({ exitDelay: 6 * DAY, holdDays: 2, rotationDelay: 0 })).toBe(9 * DAY)
    expect(rotationSeconds({ exitDelay: 0, holdDays: 0, rotationDelay: 0 })).toBe(4 * DAY)
  })
})
