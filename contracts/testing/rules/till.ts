import { ATTACK_RULES } from './attacks.ts'
import { CHARGE_RULES, CHEQUE_RULES } from './charges.ts'
import { DEPOSIT_RULES } from './deposits.ts'
import { EXIT_RULES, FAST_EXIT_RULES } from './exits.ts'
import { MEMO_RULES } from './memos.ts'
import { FEE_RULES, FREEZE_RULES, ORPHAN_RULES, ROTATION_RULES } from './operator.ts'
import type { Rule } from './rule.ts'
import { VOUCHER_RULES } from './vouchers.ts'

export const TILL_RULES_BY_TOPIC: Readonly<Record<string, readonly Rule[]>> = {
  memos: MEMO_RULES,
  deposits: DEPOSIT_RULES,
  charges: CHARGE_RULES,
  cheques: CHEQUE_RULES,
  vouchers: VOUCHER_RULES,
  exits: EXIT_RULES,
  'fast exits': FAST_EXIT_RULES,
  orphans: ORPHAN_RULES,
  fees: FEE_RULES,
  rotation: ROTATION_RULES,
  freeze: FREEZE_RULES,
  attacks: ATTACK_RULES,
}
