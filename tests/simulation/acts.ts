import type { Act } from './acts/act.ts'
import { hosts } from './acts/hosts.ts'
import { money } from './acts/money.ts'
import { operator } from './acts/operator.ts'
import { owners } from './acts/owners.ts'
import { requests } from './acts/requests.ts'
import { trouble } from './acts/trouble.ts'
import type { Dice } from './dice.ts'

const ACTS: readonly Act[] = [...requests, ...hosts, ...money, ...owners, ...operator, ...trouble]
const TOTAL = ACTS.reduce((sum, { weight }) => sum + weight, 0)

export function pickAct(dice: Dice): Act {
  let left = dice.next() * TOTAL
  for (const act of ACTS) {
    left -= act.weight
    if (left < 0) return act
  }
  return dice.pick(ACTS)
}

export function findAct(name: string): Act {
  const act = ACTS.find((one) => one.name === name)
  if (act === undefined) throw new RangeError(`no act is called ${name}`)
  return act
}
