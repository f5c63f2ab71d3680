import { expect, test } from 'vitest'
import type { Bytes } from '#base/bytes.ts'
import { judge, outcomeOf, tdxForge } from './testing/judge.ts'

test('in workerd: a forged TD passes; an altered bit and a key off its curve do not', async () => {
  const forge = await tdxForge()
  const { checks, facts } = await judge(forge, { quote: { version: 5 } })
  expect(checks.filter(({ status }) => status === 'fail')).toEqual([])
  expect(facts?.tcb.status).toBe('UpToDate')
  const refused = ['tdx.quote-signature signature']
  const tamper = (quote: Bytes): void => quote.set([1], 300)
  expect(await outcomeOf(forge, { quote: { tamper } })).toEqual(refused)
  const attestationKey = new Uint8Array(64).fill(1)
  expect(await outcomeOf(forge, { quote: { attestationKey } })).toEqual(refused)
})
