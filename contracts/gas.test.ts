import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatTon, nano } from '#base/nano.ts'
import { type GasRow, measureGas } from './testing/measure-gas.ts'
import { WORST_DEPTH } from './testing/rules/attacks.ts'
import { DEPOSIT_FEE, MAX_BATCH, TILL_VALUE } from './till-constants.ts'

const README = join(import.meta.dirname, 'README.md')
const [START, END] = ['<!-- gas -->', '<!-- /gas -->']

/** A transaction's own limit. @see config parameter 21 */
const MAX_GAS = 1_000_000

/** NanoTON for a unit of gas in the basechain. @see config parameter 21 */
const GAS_PRICE = 400n

function table(usual: readonly GasRow[], worst: readonly GasRow[]): string {
  const lines = usual.map(({ operation, gas, fees }, i) => {
    const deep = worst[i]
    // To 0.0001 TON: what forwarding costs depends on addresses in the last digits.
    const cost = formatTon(nano((fees / 100_000n) * 100_000n))
    return `| ${operation} | ${gas} | ${cost} | ${deep?.gas ?? ''} |`
  })
  return [
    '| operation | gas | costs (TON) | gas at depth 64 |',
    '|---|---|---|---|',
    ...lines,
  ].join('\n')
}

/** The formatter aligns columns; numbers are what counts. */
function unaligned(markdown: string): string {
  return markdown.replace(/[ -]+/g, '')
}

describe('gas', async () => {
  const usual = await measureGas(0)
  const worst = await measureGas(WORST_DEPTH)
  const gasOf = (rows: readonly GasRow[], operation: string) =>
    rows.find((row) => row.operation === operation)?.gas ?? Number.NaN

  test('the README’s table is what was measured', () => {
    const readme = readFileSync(README, 'utf8')
    const [head = '', rest = ''] = readme.split(START)
    const [written = '', tail = ''] = rest.split(END)
    const measured = `\n${table(usual, worst)}\n`
    if (process.env['UPDATE_GAS'] === '1') {
      writeFileSync(README, `${head}${START}${measured}${END}${tail}`)
    } else {
      expect(unaligned(written)).toBe(unaligned(measured))
    }
  })

  test('the fee of a deposit pays for its gas on every path that chance makes', () => {
    // Chance makes paths of some 14 cells at 12,000 accounts; each costs about 600 gas.
    for (const operation of ['comment, new account', 'comment']) {
      const full = gasOf(usual, operation) + 14 * 700
      expect(BigInt(full) * GAS_PRICE).toBeLessThan(DEPOSIT_FEE)
    }
  })

  test('the worst path still leaves room under the transaction’s own limit', () => {
    for (const { operation, gas } of worst) {
      expect([operation, gas < MAX_GAS]).toEqual([operation, true])
    }
  })

  test('the advised values cover the worst path’s gas with something to spare', () => {
    const advised: readonly (readonly [string, bigint])[] = [
      ['charge, 1 account', TILL_VALUE.charge(1)],
      ['charge, 20 accounts', TILL_VALUE.charge(MAX_BATCH)],
      ['chargeCheque', TILL_VALUE.cheque],
      ['redeem, new payee', TILL_VALUE.redeem],
      ['exitRequest by key', TILL_VALUE.exitRequest],
      ['exitFinish', TILL_VALUE.exitFinish],
      ['exitFast', TILL_VALUE.exitFast],
      ['exitCancel', TILL_VALUE.exitCancel],
      ['rotateKey', TILL_VALUE.operator],
      ['refundOrphan', TILL_VALUE.operator],
      ['redeemFees', TILL_VALUE.operator],
    ]
    for (const [operation, value] of advised) {
      const gas = BigInt(gasOf(worst, operation)) * GAS_PRICE
      expect([operation, (gas * 11n) / 10n < value]).toEqual([operation, true])
    }
  })
})
