import { ATTACK_RULES } from './attacks.ts'
import { CHARGE_RULES } from './charges.ts'
import { CHEQUE_RULES } from './cheques.ts'
import { DEPOSIT_RULES } from './deposits.ts'
import { EXIT_RULES } from './exits.ts'
import { FAST_EXIT_RULES } from './fast-exits.ts'
import { FREEZE_RULES } from './freeze.ts'
import { MEMO_RULES } from './memos.ts'
import { FEE_RULES, ORPHAN_RULES } from './operator.ts'
import { ROTATION_RULES } from './rotation.ts'
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
