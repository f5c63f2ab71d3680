import { join } from 'node:path'
import { unixMs } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import { FIRST_KEY, issueKey } from '#gateway/accounts/keys.ts'
import { createApp } from '#gateway/app.ts'
import { readGatewayConfig } from '#gateway/config.ts'
import { accountId } from '#gateway/db/ids.ts'
import { openProviders } from '#gateway/money/open-chain.ts'
import { build } from '#gateway/node/build.ts'
import { domainOrigins } from '#gateway/node/runner-origins.ts'
import { openSqliteBacking } from '#gateway/node/sqlite-backing.ts'
import type { createUpstream } from '#gateway/node/upstream.ts'
import { readMigrations } from '#gateway/node.ts'
import { createDirectory } from '#gateway/runners/directory.ts'
import { signerFromSeed } from '#protocol/node'
import { type FuzzTarget, target, Violation } from '../engine/target.ts'
import { MODEL, NOW } from './messages.ts'
import { jsonBytes, jsonOf } from './texts.ts'

const ACCOUNT = accountId('0'.repeat(32))
const ADMIN_KEY = 'an-operator-key-of-the-tests'
const MIGRATIONS = join(import.meta.dirname, '..', '..', '..', 'migrations')
/** Each is a whole request to the app, with its transaction. */
const REQUEST_INPUTS = 20_000

/** An answer of 4xx in OpenAI's shape. */
class Refused extends Error {}

/** Bodies that routes read by a schema of their own, through the whole app over its tables. */
export async function routeTargets(): Promise<readonly FuzzTarget[]> {
  const { app, adminKey, otherKey } = await openGateway()
  const owner = `Bearer ${adminKey}`
  const limits = {
    name: 'a',
    sealed_only: true,
    expires_at: NOW + 60,
    models: [MODEL],
    allowed_origins: ['https://a.example'],
    max_price: { input: '5', output: null },
    requests_per_minute: 5,
    tokens_per_minute: null,
    concurrency: 1,
    budget: { total: '9', day: '8', week: null, month: '7' },
  }
  const routes: readonly (readonly [call: string, authorization: string, ...bodies: object[]])[] = [
    ['POST /v1/keys', owner, {}, { role: 'inference', ...limits }],
    [`PATCH /v1/keys/${otherKey}`, owner, limits, { budget: null, max_price: null }],
    [`POST /v1/keys/${otherKey}/rotate`, owner, {}, { grace_seconds: 60 }],
    ['PUT /v1/account/webhook', owner, { url: 'https://hook.example/a', threshold: '5' }],
    ['POST /v1/auth/challenge', '', {}, { account: ACCOUNT, purpose: 'link_wallet' }],
    [
      'PUT /admin/models/b',
      `Bearer ${ADMIN_KEY}`,
      { name: 'b', input: '1', cached: '1', output: '2' },
    ],
  ]
  return routes.map(([call, authorization, ...bodies]) => {
    const [method = '', path = ''] = call.split(' ')
    return target({
      name: `${method} ${path.replace(otherKey, '{id}')}`,
      file: 'gateway/routes/',
      grammar: 'json',
      corpus: bodies.map(jsonBytes),
      errors: [Refused],
      parse: async (body) => {
        const headers = { authorization, 'content-type': 'application/json' }
        const request = new Request(`https://gateway.example${path}`, { method, headers, body })
        return answered(await app.fetch(request))
      },
      inputs: REQUEST_INPUTS,
    })
  })
}

async function answered(response: Response): Promise<unknown> {
  const body = jsonOf(new Uint8Array(await response.arrayBuffer()))
  if (response.status >= 500) throw new Violation(`answers ${response.status}`)
  if (response.ok) return body
  // Sound: whatever has no such members is a violation.
  const { error } = body as { error?: { message?: unknown; code?: unknown } }
  if (typeof error?.message !== 'string' || typeof error.code !== 'string') {
    throw new Violation('refuses in no known form')
  }
  throw new Refused(error.code)
}

/** A gateway without a listener, without jobs, and with an account that has two keys. */
async function openGateway() {
  const config = readGatewayConfig({
    GATEWAY_ENV: 'development',
    DATABASE_PATH: ':memory:',
    GATEWAY_SECRET: '5e'.repeat(32),
    TON_ENDPOINT: 'http://127.0.0.1:9/',
    REGISTRY_ADDRESS: `0:${'11'.repeat(32)}`,
    ADMIN_KEY,
  })
  const unreachable = async (): Promise<never> => {
    throw new Error('there is no network here')
  }
  const clock = () => unixMs(NOW * 1_000)
  const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
  const [chance, log] = [() => 0, () => {}]
  const providers = openProviders(
    { fetch: unreachable, wait: async () => {}, chance },
    config.chain,
  )
  const [{ chain }] = providers
  const money = { config, chain, witnesses: [], signerFromSeed, chance, clock }
  const timer = () => 0
  const backing = openSqliteBacking(readMigrations(MIGRATIONS), money, { timer, log })
  const { app } = build({
    ...{ config, publicUrl: 'https://gateway.example', backing, offers: [], chain, providers },
    directory: createDirectory(),
    // Sound: no request here is relayed.
    upstream: undefined as unknown as ReturnType<typeof createUpstream>,
    origins: domainOrigins('runners.example'),
    ...{ simulation: undefined, pages: undefined, machine: undefined, tlsKeys: () => [] },
    openapi: 'openapi: 3.1.0',
    closing: new AbortController().signal,
    ...{ clock, timer, random, fetch: unreachable, log },
  })
  await app.accounts.ledger.commit([
    {
      op: 'mirror_account',
      account: ACCOUNT,
      mode: 'managed',
      credit: nano(5n),
      debit: nano(0n),
      paidOut: nano(0n),
      ...{ exitAt: null, cap: null, seqno: 1, at: clock() },
    },
  ])
  const { text: adminKey } = await issueKey(app.accounts, ACCOUNT, FIRST_KEY)
  const { id: otherKey } = await issueKey(app.accounts, ACCOUNT, FIRST_KEY)
  return { app: createApp(app), adminKey, otherKey }
}
