import { describe, test } from 'vitest'
import { ATTACK_RULES } from './testing/rules/attacks.ts'
import { CHARGE_RULES, CHEQUE_RULES } from './testing/rules/charges.ts'
import { DEPOSIT_RULES } from './testing/rules/deposits.ts'
import { EXIT_RULES, FAST_EXIT_RULES } from './testing/rules/exits.ts'
import { FEE_RULES, FREEZE_RULES, ORPHAN_RULES, ROTATION_RULES } from './testing/rules/operator.ts'
import type { Rule } from './testing/rules/rule.ts'
import { VOUCHER_RULES } from './testing/rules/vouchers.ts'
import { TillWorld } from './testing/till-world.ts'

const open = (...args: Parameters<typeof TillWorld.create>) => TillWorld.create(...args)

describe.each<[string, readonly Rule[]]>([
  ['deposits', DEPOSIT_RULES],
  ['charges', CHARGE_RULES],
  ['cheques', CHEQUE_RULES],
  ['vouchers', VOUCHER_RULES],
  ['exits', EXIT_RULES],
  ['fast exits', FAST_EXIT_RULES],
  ['orphans', ORPHAN_RULES],
  ['fees', FEE_RULES],
  ['rotation', ROTATION_RULES],
  ['freeze', FREEZE_RULES],
  ['attacks', ATTACK_RULES],
])('Till: %s', (_, rules) => {
  for (const rule of rules) test(rule.title, () => rule.run(open))
})
