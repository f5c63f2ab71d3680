import { Cell } from '@ton/core'
import { describe, expect, test } from 'vitest'
import { compileContract } from './compile.ts'
import { zeroKeysCell } from './testing/forge-small-order.ts'
import { ton } from './testing/keys.ts'
import { type Mutant, mutants } from './testing/mutants.ts'
import { RegistryWorld } from './testing/registry-world.ts'
import { forgedExit, zeroAccount } from './testing/rules/attacks.ts'
import { REGISTRY_RULES } from './testing/rules/registry.ts'
import type { Rule } from './testing/rules/rule.ts'
import { TILL_RULES_BY_TOPIC } from './testing/rules/till.ts'
import { TillWorld } from './testing/till-world.ts'
import { depositBody } from './till-messages.ts'

/** Where to look first for the rule that a mutant of a file breaks; the others follow. */
const TOPICS: Readonly<Record<string, readonly string[]>> = {
  charging: ['charges', 'cheques', 'vouchers', 'freeze'],
  credit: ['deposits'],
  debit: ['charges', 'cheques'],
  exit: ['exits', 'fast exits', 'freeze'],
  memo: ['memos', 'deposits'],
  operator: ['rotation', 'freeze', 'fees', 'orphans'],
  signature: ['charges', 'exits', 'rotation', 'attacks'],
  storage: ['exits', 'charges'],
}

function orderedRules(mutant: Mutant): readonly Rule[] {
  const file = /till\/(\w+)\.tolk/.exec(mutant.name)?.[1] ?? ''
  const first = TOPICS[file] ?? []
  const rank = (topic: string) => (first.includes(topic) ? 0 : 1)
  return Object.entries(TILL_RULES_BY_TOPIC)
    .sort(([a], [b]) => rank(a) - rank(b))
    .flatMap(([, rules]) => rules)
}

async function codeOf(name: 'till' | 'registry', mutant: Mutant): Promise<Cell> {
  const { codeBoc64 } = await compileContract(name, mutant.read)
  return Cell.fromBase64(codeBoc64)
}

/** The title of a rule that the mutant breaks. */
async function killer(
  rules: readonly { readonly title: string; readonly run: () => Promise<void> }[],
): Promise<string | undefined> {
  for (const { title, run } of rules) {
    try {
      await run()
    } catch {
      return title
    }
  }
  return undefined
}

describe('every line that checks or books something is held by a rule', () => {
  test.each(mutants('till').map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    async (_, mutant) => {
      const code = await codeOf('till', mutant)
      const rules = orderedRules(mutant).map(({ title, run }) => ({
        title,
        run: () => run((config, options) => TillWorld.create(config, { ...options, code })),
      }))
      expect(await killer(rules)).toBeDefined()
    },
  )

  test.each(mutants('registry').map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    async (_, mutant) => {
      const code = await codeOf('registry', mutant)
      const rules = REGISTRY_RULES.map(({ title, run }) => ({
        title,
        run: () => run((options) => RegistryWorld.create({ ...options, code })),
      }))
      expect(await killer(rules)).toBeDefined()
    },
  )

  test('C1: the forgery that the zero-key check stops is real: without the check it takes everything', async () => {
    const mutant = mutants('till').find(({ name }) => name.includes('assert (key != 0)'))
    if (mutant === undefined) throw new Error('no such check')
    const world = await TillWorld.create({}, { code: await codeOf('till', mutant) })
    const keys = zeroKeysCell(7)
    await world.send(depositBody(zeroAccount(keys, 'managed')), { value: ton('10') })
    expect((await world.send(await forgedExit(world, keys))).ok).toBe(true)
  })

  test('there is something to mutate', () => {
    expect(mutants('till').length).toBeGreaterThan(100)
    expect(mutants('registry').length).toBeGreaterThan(30)
  })
})
