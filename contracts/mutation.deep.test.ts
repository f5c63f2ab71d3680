import { Cell } from '@ton/core'
import { describe, expect, test } from 'vitest'
import { compileContract } from './compile.ts'
import { type Mutant, mutants } from './testing/mutants.ts'
import { RegistryWorld } from './testing/registry-world.ts'
import { REGISTRY_RULES } from './testing/rules/registry.ts'
import { TILL_RULES } from './testing/rules/till.ts'
import { TillWorld } from './testing/till-world.ts'

/** Lines whose loss changes nothing that anybody could observe, each with the reason. */
const EQUIVALENT: readonly (readonly [pattern: RegExp, why: string])[] = []

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

const relevant = (name: 'till' | 'registry') =>
  mutants(name).filter((mutant) => !EQUIVALENT.some(([pattern]) => pattern.test(mutant.name)))

describe('every line that checks or books something is held by a rule', () => {
  test.each(relevant('till').map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    async (_, mutant) => {
      const code = await codeOf('till', mutant)
      const rules = TILL_RULES.map(({ title, run }) => ({
        title,
        run: () => run((config, options) => TillWorld.create(config, { ...options, code })),
      }))
      expect(await killer(rules)).toBeDefined()
    },
  )

  test.each(relevant('registry').map((mutant) => [mutant.name, mutant] as const))(
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

  test('there is something to mutate, and no exemption is idle', () => {
    const names = [...mutants('till'), ...mutants('registry')].map(({ name }) => name)
    expect(names.length).toBeGreaterThan(100)
    for (const [pattern, why] of EQUIVALENT) {
      expect([why, names.some((name) => pattern.test(name))]).toEqual([why, true])
    }
  })
})
