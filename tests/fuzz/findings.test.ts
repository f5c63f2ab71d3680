import { expect, test } from 'vitest'
import { fromHex, utf8 } from '#base/bytes.ts'
import { fuzz } from './engine/fuzz.ts'
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
  const only = { ...target, corpus: [input] }
  const result = await fuzz(only, { inputs: 0, seed: 1, guided: 0 })
  const wrong = result.findings.filter(({ why }) => why !== 'refuses a well-formed input')
  expect(wrong).toEqual([])
})
