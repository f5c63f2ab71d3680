import { expect, test } from 'vitest'
import { type UnixMs, unixMs } from '#base/brand.ts'
import { runnerId, tonAddress } from '../db/ids.ts'
import { openLedger } from '../node/testing/open-ledger.ts'
import type { RunnersDeps } from './deps.ts'
import { createPayees } from './payees.ts'
import { requireProvenPayee, requireSettledPayee } from './require-payee.ts'
import type { RunnerRow } from './runner-store.ts'

const HOUR_MS = 3_600_000
const START = unixMs(1_700_000_000_000)
const [OLD, NEW] = [tonAddress(`0:${'11'.repeat(32)}`), tonAddress(`0:${'22'.repeat(32)}`)]

function openDeps(requiresHostProof = true) {
  const payees = createPayees(openLedger(':memory:').store)
  // Sound: both rules use these members only.
  const deps = { payees, requiresHostProof } as RunnersDeps
  // Sound: the rules look at the machine's id and wallet only.
  const known = { id: runnerId('run_one'), payee: OLD } as RunnerRow
  const wants = (payee: typeof OLD, hours: number) =>
    requireSettledPayee(deps, known, { payee, at: unixMs(START + hours * HOUR_MS) as UnixMs })
  return { deps, payees, wants }
}

test('a known machine waits a day before it is paid at another wallet (H2)', async () => {
  const { wants } = openDeps()
  await wants(OLD, 0)
  await expect(wants(NEW, 0)).rejects.toThrow('paid from 24 hours on')
  await expect(wants(NEW, 23)).rejects.toThrow('paid from 1 hours on')
  await wants(NEW, 24)
})

test('going back ends the wait, and wanting it again begins it anew', async () => {
  const { wants } = openDeps()
  await expect(wants(NEW, 0)).rejects.toThrow()
  await wants(OLD, 12)
  await expect(wants(NEW, 24)).rejects.toThrow('paid from 24 hours on')
})

test('a wallet counts once it is proven, and everywhere where nothing is at stake', async () => {
  const { deps, payees } = openDeps()
  await expect(requireProvenPayee(deps, NEW)).rejects.toThrow('who controls it')
  await payees.prove(NEW, START)
  await requireProvenPayee(deps, NEW)
  await requireProvenPayee(openDeps(false).deps, NEW)
})
