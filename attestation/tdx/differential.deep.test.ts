import process from 'node:process'
import { expect, test } from 'vitest'
import { compareWorlds } from './testing/differential.ts'
import { tdxForge } from './testing/judge.ts'
import { DEVIATIONS } from './testing/worlds.ts'

test('1,000 random machines: answers equal dcap-qvl’s, or a listed deviation shows', async () => {
  const { equal, shown } = await compareWorlds(await tdxForge(), 1_000)
  process.stdout.write(`dcap-qvl on 1,000 forged: ${equal} equal, ${JSON.stringify(shown)}\n`)
  expect(equal).toBeGreaterThan(200)
  expect(Object.keys(shown).sort()).toEqual(Object.keys(DEVIATIONS).sort())
}, 600_000)
