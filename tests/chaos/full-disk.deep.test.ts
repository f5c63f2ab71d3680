import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestRunner, type TestRunner } from '#gateway/testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '#gateway/testing/world.ts'
import { until } from '../support/account.ts'

/** A disk of its own, so small that it can be filled. Mounting takes root. */
const disk = mkdtempSync(join(tmpdir(), 'cocoon-full-disk-'))
const filler = join(disk, 'filler')
const MOST_REQUESTS = 3_000
const FUNDS = 1_000_000_000n

let world: TestWorld
let runner: TestRunner
let account: TestAccount

beforeAll(async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', disk])
  world = await startTestWorld({ databasePath: join(disk, 'gateway.db') })
  runner = await startTestRunner(world)
  account = await world.account(FUNDS)
})
afterAll(async () => {
  rmSync(filler, { force: true })
  await runner?.close()
  await world?.close()
  execFileSync('umount', ['-l', disk])
  rmSync(disk, { recursive: true })
})

const ask = () =>
  fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Hello' }] }),
  })

function fill(): void {
  for (const bytes of [65_536, 4_096, 512, 1]) {
    try {
      for (;;) appendFileSync(filler, Buffer.alloc(bytes))
    } catch (error) {
      // Sound: what the file system throws has a code.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
}

test('a full disk: a clear 503, the operator is told what to do, and space alone heals it', async () => {
  expect((await ask()).status).toBe(200)
  fill()
  // The log may have room for some more.
  let refused: Response | undefined
  let served = 1
  for (let i = 0; i < MOST_REQUESTS && refused === undefined; i++) {
    const answer = await ask()
    if (answer.status === 200) served++
    else refused = answer
    if (answer.status === 200) await answer.arrayBuffer()
  }
  expect(refused?.status).toBe(503)
  expect(refused?.headers.get('content-type')).toContain('application/json')
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await refused?.json()).toMatchObject({ error: { code: 'overloaded' } })
  const beat = await runner.heartbeat()
  expect([beat.status, beat.headers.get('retry-after')]).toEqual([503, '1'])
  expect(world.logged.some((line) => /the disk is full: free some space/.test(line))).toBe(true)

  rmSync(filler)
  const healed = await until('an answer', ask, ({ status }) => status === 200)
  await healed.arrayBuffer()
  served++
  expect(world.logged.some((line) => line.includes('the database can be written again'))).toBe(true)
  // What was signed meanwhile comes again from the outbox, and is charged once.
  await runner.deliver()
  const [audit] = await world.ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
  const costs = runner.outbox.length
  const { available, held } = await account.balance()
  expect(costs).toBe(served)
  expect(held).toBe(0n)
  expect(FUNDS - available).toBe(audit.hosts + audit.fees)
})
