import { expect, test } from 'vitest'
import { fromHex, utf8 } from '#base/bytes.ts'
import { outcomeOf } from './engine/trial.ts'
import findings from './findings.json' with { type: 'json' }
import { allTargets } from './targets/index.ts'

const targets = new Map((await allTargets()).map((target) => [target.name, target]))
const FOUND = findings.map(({ target, was, text, hex }) => ({
  target: targets.get(target),
  was,
  input: text === undefined ? fromHex(hex ?? '') : utf8(text),
}))

/** Inputs that were once handled wrongly; each now is refused by a typed error, or rightly taken. */
test.each(FOUND)('$target.name: $was', async ({ target, input }) => {
  if (target === undefined) throw new Error('no such target')
  expect((await outcomeOf(target, input)).why).toBeUndefined()
})
