import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { buildPath, CONTRACTS, compileContract } from './compile.ts'

test.each(CONTRACTS)('the committed code of %s is what its sources compile to', async (name) => {
  const committed: unknown = JSON.parse(readFileSync(buildPath(name), 'utf8'))
  expect(committed).toEqual(await compileContract(name))
})
