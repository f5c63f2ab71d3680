import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { ALICE, request } from '../../ledger/testing/fixtures.ts'
import { openLedger } from './open-ledger.ts'

const CHILD = join(import.meta.dirname, 'spend-for-ever.ts')
/** Request numbers that one life of the process may use. */
const LIFE = 1_000_000

/**
 * Kills a spending process `rounds` times at points that `chance` picks, then asks the books for everything that it had
 * said was done.
 */
export async function killRounds(rounds: number, chance: () => number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-kill-'))
  const path = join(folder, 'gateway.db')
  const said: string[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      const after = 1 + Math.floor(chance() * 400)
      said.push(...(await liveUntil(path, round * LIFE, after)))
    }
    await expectKept(path, said)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Starts the process and kills it after so many answers; other answers may be on their way. */
async function liveUntil(path: string, first: number, answers: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, path, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (lines.length === answers) child.kill('SIGKILL')
  }
  const [, signal] = await exited
  expect(signal).toBe('SIGKILL')
  return lines
}

async function expectKept(path: string, said: readonly string[]): Promise<void> {
  const { store, ledger } = openLedger(path)
  const [audit] = await ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
  const hold = store.prepare("SELECT 1 FROM holds WHERE request = ? AND state = 'open'")
  for (const line of said) {
    const [what, number, cost] = line.split(' ')
    const id = request(Number(number))
    const find = { op: 'find_settlement', account: ALICE, request: id, attempt: 1 } as const
    const [found] = await ledger.commit([find])
    if (what === 'settled') expect(found.ok && found.settlement.cost).toBe(BigInt(cost ?? ''))
    else expect(found.ok || hold.get(id) !== undefined).toBe(true)
  }
  store.close()
}
