import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers'
import { unixMs } from '#base/brand.ts'
import { type Bytes, copyBytes } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
import { accountIdOf } from '#contracts/pure'
import type { ChainReady, ChainSettings } from '#dev/world/chain-process.ts'
import type { GatewayReady, GatewaySettings } from '#dev/world/gateway-process.ts'
import { type Part, startPart } from '#dev/world/part.ts'
import { planWorld, type WorldPlan } from '#dev/world/plan-world.ts'
import { freePorts } from '#dev/world/ports.ts'
import { FIRST_KEY, issueKey } from '#gateway/accounts/keys.ts'
import { deriveSecret } from '#gateway/compose/platform.ts'
import { type AccountId, accountId } from '#gateway/db/ids.ts'
import { migrate } from '#gateway/db/migrate.ts'
import { createCore } from '#gateway/ledger/core.ts'
import { groupCommit } from '#gateway/ledger/group-commit.ts'
import type { Ledger } from '#gateway/ledger/port.ts'
import { openSqlite } from '#gateway/node/open-sqlite.ts'
import { readMigrations } from '#gateway/node.ts'
import { nodeProvider } from '#protocol/node'
import { newFolder, SCRIPTED } from '../open-world.ts'
import type { RunnersSettings } from './runners-process.ts'

export interface Member {
  readonly id: AccountId
  readonly key: string
}

/** A gateway in a process of its own, with many accounts and many runners. */
export interface Crowd {
  readonly origin: string
  readonly adminKey: string
  readonly gatewayPid: number
  readonly members: readonly Member[]
  /** A second connection to the gateway's ledger. */
  readonly ledger: Ledger
  close(): Promise<void>
}

export interface CrowdSize {
  readonly accounts: number
  /** What each account has. */
  readonly funds: Nano
  readonly runners: number
  /** Processes that the runners share. */
  readonly processes: number
  /** Places of one runner. */
  readonly capacity: number
}

const ROOT = join(import.meta.dirname, '..', '..', '..')
const OPENED_AT_ONCE = 500
const DEV_WORLD = join(ROOT, 'dev', 'world')

export async function openCrowd(size: CrowdSize): Promise<Crowd> {
  const folder = newFolder()
  const parts: Part<unknown>[] = []
  const begin = async <Settings, Ready>(
    name: string,
    module: string,
    settings: Settings,
  ): Promise<Part<Ready>> => {
    const part = await startPart<Settings, Ready>({ name, module, settings })
    parts.push(part)
    return part
  }
  const ports = await freePorts()
  const chainModule = join(DEV_WORLD, 'chain-process.ts')
  const chain = await begin<ChainSettings, ChainReady>('chain', chainModule, { port: ports.chain })
  const options = {
    ports,
    folder,
    engine: SCRIPTED,
    machines: size.runners,
    capacity: size.capacity,
    // The chain's own work is not what this is about.
    minChargeTon: '1000000',
  }
  const plan = await planWorld(options, chain.ready.endpoint, () => {})
  const { databasePath } = plan.gateway.config
  const store = openSqlite(databasePath)
  migrate(store, readMigrations(join(ROOT, 'migrations')))
  const ledger = groupCommit(createCore(store, { hosts: 'here' }), setImmediate)
  const members = await openAccounts(plan, ledger, size)
  const gatewayModule = join(DEV_WORLD, 'gateway-process.ts')
  const gateway = await begin<GatewaySettings, GatewayReady>('gateway', gatewayModule, plan.gateway)
  await Promise.all(
    sharesOf(plan, size.processes).map((share) =>
      begin('runners', join(import.meta.dirname, 'runners-process.ts'), share),
    ),
  )
  return {
    origin: gateway.ready.origin,
    adminKey: plan.adminKey,
    gatewayPid: gateway.pid,
    members,
    ledger,
    close: async () => {
      await Promise.all(parts.reverse().map((part) => part.kill()))
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The runners, dealt to so many processes. */
function sharesOf({ runners }: WorldPlan, processes: number): readonly RunnersSettings[] {
  const [first] = runners
  if (first === undefined) throw new RangeError('no runners')
  return Array.from({ length: processes }, (_, process) => ({
    tee: first.tee,
    runners: runners
      .filter((_, at) => at % processes === process)
      .map(({ config, machine }) => ({ config, machine })),
  }))
}

/** As if their owners had registered and the Till had shown their deposits. */
async function openAccounts(
  plan: WorldPlan,
  ledger: Ledger,
  { accounts, funds }: CrowdSize,
): Promise<readonly Member[]> {
  const { hashes } = nodeProvider
  const clock = () => unixMs(Date.now())
  const secret = deriveSecret({ config: plan.gateway.config, provider: nodeProvider }, 'api keys')
  const deps = { ledger, hashes, secret, clock, random, forget: () => {} }
  const sha256 = async (bytes: Uint8Array): Promise<Bytes> => hashes.sha256(copyBytes(bytes))
  const openOne = async (): Promise<Member> => {
    const keys = { owner: null, ownerKey: random(32), spendKey: null, salt: random(16) }
    const id = accountId(await accountIdOf(keys, 'managed', sha256))
    const deposit = { credit: funds, debit: nano(0n), paidOut: nano(0n), exitAt: null, cap: null }
    await ledger.commit([
      { op: 'mirror_account', account: id, mode: 'managed', ...deposit, seqno: 1, at: clock() },
    ])
    return { id, key: (await issueKey(deps, id, FIRST_KEY)).text }
  }
  const members: Member[] = []
  while (members.length < accounts) {
    const some = Math.min(OPENED_AT_ONCE, accounts - members.length)
    members.push(...(await Promise.all(Array.from({ length: some }, openOne))))
  }
  return members
}

function random(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length))
}
