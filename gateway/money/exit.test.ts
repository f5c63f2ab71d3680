import { describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { tonAddress } from '../db/ids.ts'
import { decideExit, type ExitInBooks, type ExitOnChain } from './exit.ts'

const NOW = unixSeconds(1_000_000)
const TO = tonAddress(`0:${'11'.repeat(32)}`)
const ORDER = { nonce: 4, to: TO, cancel: null }
const UNARMED: ExitOnChain = {
  nonce: 4,
  debit: nano(10n),
  available: nano(90n),
  capLeft: nano(100n),
  exitAt: null,
  frozen: false,
  honoured: true,
}
const ARMED: ExitOnChain = { ...UNARMED, nonce: 5, exitAt: unixSeconds(NOW + 1) }
const QUIET: ExitInBooks = { mode: 'managed', held: nano(0n), settled: nano(10n) }

const next = (
  exit: Parameters<typeof decideExit>[0],
  chain: Partial<ExitOnChain> = {},
  books: Partial<ExitInBooks> = {},
) => decideExit(exit, { ...ARMED, ...chain }, { ...QUIET, ...books }, NOW)

describe('the next step of an exit', () => {
  test('is the order itself until the Till has armed it', () => {
    expect(next(ORDER, UNARMED)).toEqual({ do: 'request' })
  })

  test('is the meter key’s word once nothing is open', () => {
    expect(next(ORDER)).toEqual({ do: 'fast', nonce: 5, debit: 10n })
    expect(next(ORDER, {}, { settled: nano(50n) })).toEqual({ do: 'fast', nonce: 5, debit: 50n })
    // Ordered on chain by the owner’s wallet.
    expect(next({ ...ORDER, nonce: 5, to: null })).toMatchObject({ do: 'fast' })
  })

  test.each([
    ['open requests', {}, { held: nano(1n) }, 'requests'],
    ['books that do not explain the debit', { debit: nano(11n) }, {}, 'requests'],
    ['more usage than the day’s cap', { capLeft: nano(5n) }, { settled: nano(16n) }, 'cap'],
    ['a cheque that is missing', {}, { mode: 'sovereign', settled: nano(11n) }, 'cheque'],
    ['a freeze', { frozen: true }, {}, 'freeze'],
    ['a meter key that counts', { honoured: false }, {}, 'key'],
  ] as const)(
    'waits for %s, and ends all the same when its time has come',
    (_, chain, books, reason) => {
      expect(next(ORDER, chain, books)).toEqual({ do: 'wait', for: reason })
      expect(next(ORDER, { ...chain, exitAt: NOW }, books)).toEqual({ do: 'finish' })
    },
  )

  test('a sovereign account’s final debit is what its cheques collected', () => {
    const books = { mode: 'sovereign', settled: nano(10n) } as const
    expect(next(ORDER, {}, books)).toEqual({ do: 'fast', nonce: 5, debit: 10n })
  })

  test('waits for a provider that shows less than the order had seen', () => {
    const wait = { do: 'wait', for: 'block' }
    expect(next({ ...ORDER, nonce: 5 }, UNARMED)).toEqual(wait)
    expect(next({ ...ORDER, nonce: 6 }, { available: nano(0n) })).toEqual(wait)
  })

  test('an exit that was paid, called off or lapsed is over', () => {
    expect(next(ORDER, { exitAt: null })).toEqual({ do: 'close' })
    expect(next({ ...ORDER, to: null }, UNARMED)).toEqual({ do: 'close' })
    // A cancel order over whatever nonce is then current would cost gas again and again.
    const cancel = { nonce: 6, signature: '' }
    expect(next({ ...ORDER, cancel }, { nonce: 6, exitAt: null })).toEqual({ do: 'close' })
  })

  test('an account without money on chain is not carried there and back for gas', () => {
    const cancel = { nonce: 5, signature: '' }
    const empty = { available: nano(0n) }
    expect(next(ORDER, { ...UNARMED, ...empty })).toEqual({ do: 'close' })
    expect(next(ORDER, empty)).toEqual({ do: 'close' })
    expect(next({ ...ORDER, cancel }, empty)).toEqual({ do: 'close' })
  })

  test('the owner’s word that it is off comes first, while it is the next order', () => {
    const cancel = { nonce: 5, signature: '' }
    expect(next({ ...ORDER, cancel })).toEqual({ do: 'cancel' })
    expect(next({ ...ORDER, cancel: { ...cancel, nonce: 4 } })).toMatchObject({ do: 'fast' })
    expect(next({ ...ORDER, cancel: { ...cancel, nonce: 4 } }, UNARMED)).toEqual({ do: 'cancel' })
  })
})
