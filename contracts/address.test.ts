import { Address } from '@ton/core'
import { describe, expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import { friendlyAddress, parseAddress, payableAddress } from './address.ts'

const random = () => crypto.getRandomValues(new Uint8Array(32))

describe('addresses as people write them', () => {
  test('are those of @ton/core, in every form', () => {
    for (let i = 0; i < 50; i++) {
      const raw = `${i % 2 === 0 ? '0' : '-1'}:${hex(random())}`
      const address = Address.parseRaw(raw)
      for (const bounceable of [true, false]) {
        for (const testOnly of [true, false]) {
          for (const urlSafe of [true, false]) {
            const text = address.toString({ bounceable, testOnly, urlSafe })
            expect(parseAddress(` ${text} `)).toEqual({ raw, bounceable, testOnly })
          }
        }
      }
      expect(parseAddress(raw)).toEqual({ raw, bounceable: null, testOnly: false })
      if (i % 2 === 1) continue
      for (const bounceable of [true, false]) {
        expect(friendlyAddress(raw, { bounceable })).toBe(address.toString({ bounceable }))
      }
    }
  })

  test('with one wrong character are refused, whichever it is', () => {
    const text = friendlyAddress(`0:${hex(random())}`)
    for (let at = 0; at < text.length; at++) {
      const wrong = text[at] === 'A' ? 'B' : 'A'
      expect(() => parseAddress(text.slice(0, at) + wrong + text.slice(at + 1))).toThrow()
    }
    for (const bad of [
      '',
      'EQ',
      `0:${'a'.repeat(63)}`,
      `1:${'a'.repeat(64)}`,
      `0:${'A'.repeat(64)}`,
    ])
      expect(() => parseAddress(bad)).toThrow('not a TON address')
  })

  test('money goes to the basechain only, on mainnet to no test wallet, and never to zero', () => {
    const raw = `0:${'ab'.repeat(32)}`
    const address = Address.parseRaw(raw)
    const test = address.toString({ testOnly: true, bounceable: false })
    expect(payableAddress(address.toString({ bounceable: false }), 'mainnet')).toBe(raw)
    expect(payableAddress(test, 'testnet')).toBe(raw)
    expect(() => payableAddress(test, 'mainnet')).toThrow('of a test network')
    expect(() => payableAddress(`-1:${'ab'.repeat(32)}`, 'mainnet')).toThrow('workchain 0')
    expect(() => payableAddress(`0:${'0'.repeat(64)}`, 'mainnet')).toThrow('nobody')
  })
})
