import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChainReady, ChainSettings } from '#dev/world/chain-process.ts'
import { awaitBalance, deposit, openAccount, type WorldAccount } from '#dev/world/fund-account.ts'
import type { GatewayReady, GatewaySettings } from '#dev/world/gateway-process.ts'
import { type Part, startPart } from '#dev/world/part.ts'
import { planWorld, type WorldPlan } from '#dev/world/plan-world.ts'
import { freePorts } from '#dev/world/ports.ts'
import type { RunnerReady, RunnerSettings } from '#dev/world/runner-process.ts'
import { Payer, until } from '../support/account.ts'
import { newFolder, SCRIPTED, SCRIPTED_MODEL, WORLD_START_MS } from '../support/open-world.ts'
import { awaitAvailable } from '../support/real-runner.ts'

/**
 * Two gateways that share nothing but the Till, each a process with books of its own: one that sold and charged, and one that
 * starts from the chain's history alone, as after the loss of a disk without a copy.
 */
let parts: Part<unknown>[] = []
let plan: WorldPlan
let endpoint: string
let first: string
let account: WorldAccount

async function begin<Settings, Ready>(name: string, settings: Settings): Promise<Part<Ready>> {
  const module = join(import.meta.dirname, `../../dev/world/${name}-process.ts`)
  const part = await startPart<Settings, Ready>({ name, module, settings })
  parts = [part, ...parts]
  return part
}

beforeAll(async () => {
  const ports = await freePorts()
  const chain = await begin<ChainSettings, ChainReady>('chain', { port: ports.chain })
  endpoint = chain.ready.endpoint
  const folder = newFolder()
  plan = await planWorld({ ports, folder, engine: SCRIPTED }, endpoint, () => {})
  first = (await begin<GatewaySettings, GatewayReady>('gateway', plan.gateway)).ready.origin
  const [runner] = plan.runners
  if (runner === undefined) throw new TypeError('a world has a machine')
  await begin<RunnerSettings, RunnerReady>('runner', runner)
  await awaitAvailable(first, 1)
  account = await openAccount({ gateway: first, mode: 'managed' })
  await deposit({ endpoint, till: plan.till, account, amount: '5' })
  await awaitBalance(first, account.apiKey, ({ available }) => available > 0n)
}, WORLD_START_MS)
afterAll(async () => {
  for (const part of parts) await part.stop()
})

const COCOON = join(import.meta.dirname, '../../cli/cocoon.mjs')

/** `cocoon audit` as an operator types it. */
function auditAt(gateway: string): Promise<{ code: number; out: string; err: string }> {
  const args = [COCOON, 'audit', '--gateway', gateway, '--till', plan.till, '--endpoint', endpoint]
  const env = { ...process.env, ADMIN_KEY: plan.adminKey }
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env }, (error, out, err) => {
      resolve({ code: Number(error?.code ?? 0), out: out.trim(), err: err.trim() })
    })
  })
}

test('both owe what the one Till holds, and the second names the account whose debits it cannot explain (M16)', async () => {
  const payer = new Payer(first, account.apiKey, account.owner.id)
  const content = { role: 'user', content: 'c50g0' }
  for (let i = 0; i < 3; i++) {
    const body = { model: SCRIPTED_MODEL, max_tokens: 100, messages: [content] }
    expect((await payer.chat(body)).status).toBe(200)
  }
  const paid = await payer.until(
    'the charge on chain',
    ({ settled, collected }) => settled > 0n && collected === settled,
  )
  // No gas wallet: two cashiers of one Till would race for its counters.
  const { config } = plan.gateway
  const folder = newFolder()
  const second = await begin<GatewaySettings, GatewayReady>('gateway', {
    ...plan.gateway,
    config: {
      ...config,
      listen: { host: '127.0.0.1', port: 0 },
      runnerOriginPorts: [],
      databasePath: join(folder, 'gateway.db'),
      collateralPath: join(folder, 'collateral'),
      chain: { ...config.chain, gasSeed: undefined },
    },
  })
  const both = { first, second: second.ready.origin }
  const told = await until(
    'the history, read by the second',
    () => auditAt(both.second),
    ({ out }) => /accounts +1/.test(out) && /prepaid +0\.0*[1-9]/.test(out),
  )
  // Nothing but what it cannot know: what the account was debited for. It serves nothing until receipts say so (M16).
  const unexplained = 'the Till collected no more than was settled of managed accounts'
  expect(told).toMatchObject({
    code: 1,
    err: `BROKEN     ${unexplained}: ${account.owner.id}`,
  })
  const own = await auditAt(both.first)
  expect(own).toMatchObject({ code: 0, err: '' })
  expect(own.out).toContain('every invariant holds')
  const owed = (text: string) => /owed +(\S+ TON) \(accounts’ balances: (\S+ TON)\)/.exec(text)
  expect(owed(own.out)?.[1]).toBe(owed(told.out)?.[1])
  expect(owed(told.out)?.[2]).toBe(owed(told.out)?.[1])
  expect(paid.collected).toBeGreaterThan(0n)
})
