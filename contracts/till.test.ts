import { describe, test } from 'vitest'
import { TILL_RULES_BY_TOPIC } from './testing/rules/till.ts'
import { TillWorld } from './testing/till-world.ts'

describe.each(Object.entries(TILL_RULES_BY_TOPIC))('Till: %s', (_, rules) => {
  for (const { title, run } of rules) {
    test(title, () => run((config, options) => TillWorld.create(config, options)))
  }
})
