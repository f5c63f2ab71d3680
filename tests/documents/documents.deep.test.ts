import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Address } from '@ton/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { devRpc } from '#dev/chain/dev-rpc.ts'
import type { WorldInfo } from '#dev/world/world.ts'
import { WORLD_START_MS } from '../support/open-world.ts'
import { startTlsProxy, type TlsProxy } from '../support/tls-proxy.ts'
import { type Desk, freePortSettings, openDesk, type Typed } from './desk.ts'
import { fill, type Names, type Places } from './fill.ts'
import { type Export, FIRST_STEPS, type Run, type Serve, STEPS, type Step } from './steps.ts'

/** Ten times the “few seconds” that the README speaks of. */
const SOON_MS_MAX = 60_000
const TYPE_AGAIN_MS = 1000

/**
 * Every command of every document, typed into a shell beside the world of `npm start`. What stands in a document for the
 * reader's own (an address, a hash) is filled in; the chain is the local one; nothing else is changed.
 */
let began: number
let desk: Desk
let world: WorldInfo
let stopWorld: () => Promise<void>
let proxy: TlsProxy
const env: Record<string, string> = {}
const names: Record<string, string> = {}

beforeAll(async () => {
  desk = openDesk()
  const ports = await freePortSettings()
  began = performance.now()
  stopWorld = await desk.keep('npm start', ports, /Ctrl-C stops everything/)
  // Sound: written by the world of this checkout; what is missing fails the step that uses it.
  world = JSON.parse(readFileSync(join(desk.folder, '.cocoon/dev.json'), 'utf8')) as WorldInfo
  proxy = await startTlsProxy(() => world.webUrl)
  Object.assign(env, {
    ADMIN_KEY: world.adminKey,
    COCOON_API_KEY: world.apiKey,
    COCOON_CACHE: join(desk.folder, 'cache'),
  })
  Object.assign(names, await placeholders())
}, WORLD_START_MS)

afterAll(async () => {
  await stopWorld?.()
  await proxy?.close()
  desk?.close()
})

async function placeholders(): Promise<Names> {
  const { sessions } = await read('/v1/aci/sessions')
  const [{ session_id: session }] = sessions
  for (const file of ['wallet.txt', 'meter.txt', 'next.txt']) await newWallet(file)
  const next = await desk.run('cocoon wallet key --wallet next.txt', env)
  return {
    '<id>': session,
    ID: session,
    TILL: world.tillAddress,
    REGISTRY: world.registryAddress,
    ADDRESS: world.hostAddress,
    FEE_BPS: String((await read('/v1/till')).commission_bps),
    NEXT_METER: next.said.trim(),
    TILL_HASH: world.tillAddress.slice(2),
    MODEL: world.models[0] ?? '',
    'sk-coc-…': world.apiKey,
    RECEIPT: await askForReceipt(),
  }
}

/** A public route's answer; what is not in it fails the step that uses it. */
async function read(path: string) {
  return (await fetch(`${world.webUrl}${path}`)).json()
}

async function newWallet(file: string): Promise<void> {
  await desk.run(`cocoon wallet new --out ${file}`, env)
  await fundWallet(file)
}

async function fundWallet(file: string): Promise<string> {
  const { said } = await desk.run(`cocoon wallet show --wallet ${file}`, env)
  const address = Address.parse(/address +(\S+)/.exec(said)?.[1] ?? '')
  await faucet(address, '50')
  return address.toRawString()
}

function faucet(to: Address, amount: string, comment?: string): Promise<void> {
  const address = to.toString({ bounceable: false })
  return devRpc(world.chainUrl, fetch).faucet({
    address,
    amount,
    ...(comment === undefined ? {} : { comment }),
  })
}

/** What somebody else does while the reader types. */
const DEEDS: Readonly<Record<NonNullable<Run['after']>, () => Promise<void>>> = {
  'money for the admin': async () => {
    names['ADMIN'] = await fundWallet('admin.txt')
  },
  'money for the account': () =>
    faucet(Address.parse(world.tillAddress), '3', names['ACCOUNT'] ?? ''),
}

async function askForReceipt(): Promise<string> {
  const answer = await fetch(`${world.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: world.models[0], messages: [{ role: 'user', content: 'Hi' }] }),
  })
  await answer.text()
  return answer.headers.get('x-receipt-id') ?? ''
}

function places(step: Run | Serve): Places {
  return {
    gateway: 'tls' in step ? proxy.origin : world.webUrl,
    runner: world.runnerOrigin,
    chain: world.chainUrl,
  }
}

function commandOf(step: Run | Serve): string {
  const own = Object.entries(step.names ?? {}).map(([name, other]) => [name, names[other] ?? other])
  const whole = step.also === undefined ? step.line : `${step.line} ${step.also}`
  return fill(whole, { ...names, ...Object.fromEntries(own) }, places(step))
}

/** Types it again while it does not say so. @returns what it printed last */
async function typeUntil(type: () => Promise<Typed>, says: RegExp): Promise<Typed> {
  const latest = performance.now() + SOON_MS_MAX
  let typed = await type()
  while (!says.test(typed.said) && performance.now() < latest) {
    await sleep(TYPE_AGAIN_MS)
    typed = await type()
  }
  return typed
}

async function tryRun(step: Run): Promise<void> {
  if (step.after !== undefined) await DEEDS[step.after]()
  // A host's machine in production names no roots of its own: refused (C3).
  const own = 'tls' in step ? { NODE_EXTRA_CA_CERTS: undefined } : {}
  const type = (): Promise<Typed> => desk.run(commandOf(step), { ...env, ...own })
  const { code, said } = await (step.soon ? typeUntil(type, step.says) : type())
  expect({ said, code }).toEqual({ said: expect.stringMatching(step.says), code: step.exit ?? 0 })
  for (const [name, pattern] of Object.entries(step.keeps ?? {})) {
    names[name] = pattern.exec(said)?.[1] ?? ''
  }
}

function tryExport({ line }: Export): void {
  const filled = fill(line, names, places({ line, serves: /^/ }))
  for (const [, name = '', value = ''] of filled.matchAll(/(\w+)=(\S+)/g)) env[name] = value
  expect(env['COCOON_BASE_URL']).toBe(world.baseUrl)
}

async function tryServe(step: Serve): Promise<void> {
  if (step.alone) {
    const other = openDesk()
    const own = { ...env, ...(await freePortSettings()) }
    const served = await other.serve(commandOf(step), own, step.serves)
    other.close()
    expect(served.said).toMatch(step.serves)
  } else {
    const served = await desk.serve(commandOf(step), env, step.serves)
    expect(served.said).toMatch(step.serves)
  }
}

function tryAll(steps: readonly Step[]): void {
  for (const step of steps) {
    if ('says' in step) test(step.line, () => tryRun(step))
    if ('serves' in step) test(step.line, () => tryServe(step))
    if ('exports' in step) test(step.line, () => tryExport(step))
  }
}

describe('the README alone', () => {
  tryAll(FIRST_STEPS)
  afterAll(() => {
    const seconds = Math.round((performance.now() - began) / 1000)
    process.stdout.write(
      `npm start, a sealed chat, verified evidence, a redeemed voucher: ${seconds} s\n`,
    )
  })
})

describe('the commands of the documents', () => {
  tryAll(STEPS.filter((step) => !FIRST_STEPS.includes(step)))
})
