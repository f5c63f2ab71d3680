import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import type { Store } from '../../db/db.ts'
import type { Ledger } from '../../ledger/port.ts'
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
    const books = openLedger(path)
    await expectKept(books, said)
    books.store.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Starts the process and kills it after so many answers; other answers may be on their way. */
export async function liveUntil(path: string, first: number, answers: number): Promise<string[]> {
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

/** Everything that was said is in the books, and they are sound. */
export async function expectKept(
  { store, ledger }: { readonly store: Store; readonly ledger: Ledger },
  said: readonly string[],
): Promise<void> {
  const [audit] = await ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
  const hold = store.prepare("SELECT 1 FROM holds WHERE request = ? AND state = 'open'")
  const answers = said.map((line) => {
    const [what, number, cost] = line.split(' ')
    return { what, cost, request: request(Number(number)) }
  })
  const found = await ledger.commit(
    answers.map(({ request }) => ({
      op: 'find_settlement' as const,
      account: ALICE,
      request,
      attempt: 1,
    })),
  )
  for (const [i, { what, cost, request }] of answers.entries()) {
    const kept = found[i]
    if (what === 'settled') expect(kept?.ok && kept.settlement.cost).toBe(BigInt(cost ?? ''))
    else expect(kept?.ok === true || hold.get(request) !== undefined).toBe(true)
  }
}
