import { describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { allowlistOf } from './allowlist.ts'

const NOW = unixSeconds(1_000)
const META = (bits: number): string => bits.toString(16).padStart(64, '0')
const entry = (activeFrom: number, revokedAt = 0, bits = 0) => {
  return { activeFrom, revokedAt, meta: META(bits) }
}

describe('an allowlist out of the Registry', () => {
  const list = allowlistOf(
    {
      version: 7,
      entries: {
        image: new Map([
          ['live', entry(1_000)],
          ['proven', entry(1, 0, 3)],
          ['waiting', entry(1_001)],
          ['revoked', entry(1, 900)],
          ['denied', entry(0, 900)],
        ]),
        model: new Map([
          ['pair', entry(5)],
          ['old pair', entry(5, 6)],
        ]),
        platform: new Map([
          ['listed', entry(5)],
          ['unlisted', entry(5, 6)],
          ['broken', entry(0, 6)],
        ]),
      },
    },
    { readAt: unixSeconds(990), now: NOW },
    ['operator'],
  )

  test('holds what is active by the reader’s own clock, with what an image enforces', () => {
    expect([...list.images]).toEqual([
      ['live', { enforcesWeights: false, enforcesGpu: false }],
      ['proven', { enforcesWeights: true, enforcesGpu: true }],
    ])
    expect([...list.models]).toEqual(['pair'])
    expect([...list.platforms]).toEqual(['listed'])
    expect({ readAt: list.readAt, version: list.version }).toEqual({ readAt: 990, version: 7 })
  })

  test('denies the revoked, the denied and what the operator denies; an ended custody only unlists', () => {
    expect([...list.denied].sort()).toEqual(
      ['broken', 'denied', 'old pair', 'operator', 'revoked'].sort(),
    )
  })
})
