import { describe, expect, test } from 'vitest'
import { readSource } from './compile.ts'
import { REGISTRY_KIND } from './registry-entries.ts'
import { REGISTRY_EXIT, REGISTRY_OP } from './registry-messages.ts'
import * as constants from './till-constants.ts'
import { TILL_OP } from './till-messages.ts'

/** `Name = 123` lines of an enum. */
function errorCodes(source: string): Record<string, number> {
  const body = /enum Err \{([^}]*)\}/.exec(source)?.[1] ?? ''
  return Object.fromEntries(
    [...body.matchAll(/(\w+) = (0x\w+|\d+)/g)].map(([, name, code]) => [name, Number(code)]),
  )
}

/** Operation codes by name, the first letter in lower case. */
function operations(source: string): Record<string, number> {
  const found = [...source.matchAll(/struct \((0x\w{8})\) (\w+) \{ queryId/g)]
  return Object.fromEntries(
    found.map(([, code, name = '']) => [
      `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`,
      Number(code),
    ]),
  )
}

/** The value of `const NAME = …` in nanoTON or as a product of numbers and other constants. */
function constant(source: string, name: string): bigint {
  const text = new RegExp(`const ${name} = (.*?)(?: +//.*)?$`, 'm').exec(source)?.[1] ?? ''
  const amount = /^ton\("([\d.]+)"\)$/.exec(text)?.[1]
  if (amount !== undefined) return BigInt(Math.round(Number(amount) * 1e9))
  return text
    .split(' * ')
    .map((factor) => (/^\d+$/.test(factor) ? BigInt(factor) : constant(source, factor)))
    .reduce((product, factor) => product * factor, 1n)
}

describe('the wrappers say what the sources say', () => {
  const till = readSource('till/constants.tolk')
  const registry = readSource('registry/schema.tolk')

  test('error codes', () => {
    expect(constants.TILL_EXIT).toEqual(errorCodes(till))
    expect(REGISTRY_EXIT).toEqual(errorCodes(registry))
  })

  test('operation codes', () => {
    expect(TILL_OP).toEqual(operations(readSource('till/messages.tolk')))
    const { excesses, ...ops } = operations(registry)
    expect(excesses).toBe(TILL_OP.excesses)
    expect(REGISTRY_OP).toEqual(ops)
  })

  test('limits, fees and times', () => {
    const mirrored = {
      DAY: constants.DAY_SECONDS,
      DEPOSIT_FEE: constants.DEPOSIT_FEE,
      OPENING_FEE: constants.OPENING_FEE,
      PAYEE_FEE: constants.PAYEE_FEE,
      MIN_DEPOSIT: constants.MIN_DEPOSIT,
      STORAGE_RESERVE: constants.STORAGE_RESERVE,
      MAX_ACCOUNTS: constants.MAX_ACCOUNTS,
      MAX_PAYEES: constants.MAX_PAYEES,
      MAX_BATCH: constants.MAX_BATCH,
      EXIT_LAPSE: constants.EXIT_LAPSE_SECONDS,
      FREEZE_TIME: constants.FREEZE_SECONDS,
      FREEZE_GAP: constants.FREEZE_GAP_SECONDS,
    }
    for (const [name, value] of Object.entries(mirrored)) {
      expect([name, constant(till, name)]).toEqual([name, BigInt(value)])
    }
  })

  test('kinds of the registry', () => {
    const kinds = [...registry.matchAll(/const KIND_(\w+) = (\d+)/g)].map(([, name = '', kind]) => [
      name.toLowerCase().replace('_k', 'K'),
      Number(kind),
    ])
    expect(REGISTRY_KIND).toEqual(Object.fromEntries(kinds))
  })
})
