import { describe, test } from 'vitest'
import { CHARGE_RULES, CHEQUE_RULES } from './testing/rules/charges.ts'
import { DEPOSIT_RULES } from './testing/rules/deposits.ts'
import type { Rule } from './testing/rules/rule.ts'
import { VOUCHER_RULES } from './testing/rules/vouchers.ts'
import { TillWorld } from './testing/till-world.ts'

const open = (...args: Parameters<typeof TillWorld.create>) => TillWorld.create(...args)

describe.each<[string, readonly Rule[]]>([
  ['deposits', DEPOSIT_RULES],
  ['charges', CHARGE_RULES],
  ['cheques', CHEQUE_RULES],
  ['vouchers', VOUCHER_RULES],
])('Till: %s', (_, rules) => {
  for (const rule of rules) test(rule.title, () => rule.run(open))
})
