import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import {
  type Connection,
  type ConnectOptions,
  connect,
  createChequeBook,
  parseSimulation,
  signCheque,
  simulationJson,
  type VerifiedReceipt,
} from '#client'
import { awaitBalance, deposit, openAccount } from '#dev/world/fund-account.ts'
import { simulationOf } from '#dev/world/simulated-tee.ts'
import type { World } from '#dev/world/world.ts'
import { Payer, readyPayer, until } from '../support/account.ts'
import { newFolder, openWorld, WORLD_START_MS } from '../support/open-world.ts'
import { findInMemory } from '../support/process-memory.ts'

/** The developer who trusts nobody, against the real gateway, chain and runner. */
let world: World
let cocoon: Connection
let model: string
const folder = newFolder()
const receipts: VerifiedReceipt[] = []
/** What a gateway and a runner take unless told otherwise. */
const MAX_BODY_BYTES = 32 * 1024 * 1024
const wire: string[] = []

beforeAll(async () => {
  world = await openWorld({}, folder)
  cocoon = await connect(await options())
  model = world.info.models[0] ?? ''
}, WORLD_START_MS)
afterAll(() => world?.stop())

async function options(): Promise<ConnectOptions> {
  const { info } = world
  const now = unixSeconds(Math.floor(Date.now() / 1000))
  const file = JSON.stringify(simulationJson({ ...(await simulationOf(world.tee)), created: now }))
  return {
    baseURL: info.baseUrl,
    apiKey: info.apiKey,
    registry: { endpoints: [info.chainUrl], address: info.registryAddress },
    allowSimulated: true,
    simulation: parseSimulation(JSON.parse(file), now),
    fetch: recorded,
    onReceipt: (receipt) => receipts.push(receipt),
  }
}

/** What leaves and enters this machine, as the network sees it. */
const recorded: typeof fetch = async (input, init) => {
  if (init?.body instanceof Uint8Array) wire.push(Buffer.from(init.body).toString('latin1'))
  const response = await fetch(input, init)
  response
    .clone()
    .arrayBuffer()
    .then((bytes) => wire.push(Buffer.from(bytes).toString('latin1')))
    .catch(() => undefined)
  return response
}

const client = () =>
  new OpenAI({ baseURL: cocoon.baseURL, fetch: cocoon.fetch, apiKey: world.info.apiKey })

describe('a developer who trusts nobody', () => {
  test('verifies hardware, image, model and allowlist itself, and is told what it stands on', () => {
    const { verification } = cocoon
    expect(verification).toMatchObject({
      status: 'simulated',
      gateway: world.info.webUrl,
      allowlist: { source: 'registry by one endpoint' },
      refused: [],
    })
    expect(verification.runners[0]).toMatchObject({ model, suite: 'ehbp-mlkem768-x25519' })
    expect(verification.warnings.join()).toMatch(/simulated/)
  })

  test('is not connected when simulated evidence was not asked for', async () => {
    const { simulation: _, ...production } = await options()
    await expect(connect({ ...production, allowSimulated: false })).rejects.toMatchObject({
      code: 'allowlist_untrusted',
    })
    const endpoints = [world.info.chainUrl, world.info.chainUrl.replace('127.0.0.1', 'localhost')]
    const registry = { endpoints, address: world.info.registryAddress }
    const connecting = connect({ ...production, allowSimulated: false, registry })
    await expect(connecting).rejects.toMatchObject({ code: 'evidence_refused' })
  })

  test('needs no vendor’s server: the session brings the signed lists that it was judged with', async () => {
    const given = await options()
    const { simulation } = given
    if (simulation === undefined) throw new Error('unreachable')
    const offline: typeof fetch = (input, init) => {
      const { hostname } = new URL(input instanceof Request ? input.url : input)
      if (hostname !== '127.0.0.1') throw new Error(`asked ${hostname}`)
      return fetch(input, init)
    }
    const bundled = { ...simulation, collateral: new Map() }
    const own = await connect({ ...given, simulation: bundled, fetch: offline })
    expect(own.verification.runners).toHaveLength(1)
  })

  test('pays exactly what its own verified receipts say', async () => {
    const payer = readyPayer(world)
    const before = (await payer.read()).settled
    const count = receipts.length
    const messages = [{ role: 'user' as const, content: 'Who are you?' }]
    await client().chat.completions.create({ model, messages, max_tokens: 12 })
    const stream = await client().chat.completions.create({
      ...{ model, messages, max_tokens: 12, stream: true as const },
    })
    for await (const _ of stream);
    const costs = receipts.slice(count).map(({ cost }) => cost)
    expect(costs).toHaveLength(2)
    const sum = costs.reduce((total, cost) => total + BigInt(cost), 0n)
    await payer.until('both receipts settled', ({ settled }) => settled - before === sum)
  })

  test('leaves no prompt or answer with the gateway: memory, database, logs or wire', async () => {
    const { prompt, text } = await longExchange()
    // The model's name is known to be there: the search can find.
    const found = findInMemory(world.gateway.pid, [prompt, text, model])
    expect([...(found ?? [model])]).toEqual([model])
    const kept = filesUnder(folder)
    expect(kept.length).toBeGreaterThan(1)
    for (const secret of [prompt, text]) {
      expect(kept.filter((file) => readFileSync(file).includes(secret))).toEqual([])
      expect(wire.filter((bytes) => bytes.includes(secret))).toEqual([])
    }
    expect(wire.length).toBeGreaterThan(4)
  })

  test('may ask as much as a body holds, and not a byte more', async () => {
    const ask = (length: number) => {
      const text = JSON.stringify({ model, messages: [{ role: 'user', content: '' }] })
      const body = text.replace('""', JSON.stringify('x'.repeat(length - text.length)))
      return cocoon.fetch(`${cocoon.baseURL}/chat/completions`, { method: 'POST', body })
    }
    // The runner has opened it: only the model's own context is too small.
    const longest = await ask(MAX_BODY_BYTES)
    expect(longest.headers.get('x-cocoon-confidentiality')).toBe('end-to-end')
    const told = await longest.json()
    expect(told).toMatchObject({ error: { type: 'invalid_request_error' } })
    expect(longest.status).toBe(400)
    const above = await ask(MAX_BODY_BYTES + 1)
    expect(await above.json()).toMatchObject({ error: { code: 'request_too_large' } })
  })

  test('a runner that attests new keys is verified again, and the prompt is answered', async () => {
    const sessions = async () => {
      const listed = await fetch(`${world.info.baseUrl}/runners`)
      // Sound for tests: what is missing fails the comparison.
      const { data } = (await listed.json()) as { data: { session_id: string }[] }
      return data.map(({ session_id }) => session_id).join()
    }
    const before = await sessions()
    await world.restartRunner()
    await until('registered again', sessions, (now) => now !== before)
    const messages = [{ role: 'user' as const, content: 'Who are you?' }]
    const answer = await client().chat.completions.create({ model, messages, max_tokens: 4 })
    expect(answer.choices).toHaveLength(1)
  })
})

describe('a sovereign account', () => {
  test('is charged by cheques that its owner signs over verified receipts, and by nothing else', async () => {
    const { info } = world
    const account = await openAccount({ gateway: info.webUrl, mode: 'sovereign' })
    await deposit({ endpoint: info.chainUrl, till: info.tillAddress, account, amount: '5' })
    await awaitBalance(info.webUrl, account.apiKey, ({ available }) => available > 0n)
    const payer = new Payer(info.webUrl, account.apiKey, account.owner.id)
    const told = await (await payer.get('/v1/till')).json()
    const saved: bigint[] = []
    const cheques = createChequeBook({
      ...{ owner: account.owner, till: info.tillAddress, feeBps: told.commission_bps },
      start: nano(0n),
      save: async (cumulative) => void saved.push(cumulative),
    })
    const own = await connect({ ...(await options()), apiKey: account.apiKey, cheques })
    const body = { model, max_tokens: 8, messages: [{ role: 'user', content: 'Hi' }] }
    // A cheque is asked for as soon as more than one hold would be uncovered.
    for (let i = 0; saved.length === 0 && i < 200; i++) {
      const response = await own.fetch(`${own.baseURL}/chat/completions`, {
        method: 'POST',
        body: JSON.stringify(body),
      })
      const text = await response.text()
      // Receipts settle a moment after their answers: that alone may be in the way.
      if (!response.ok) expect(text).toContain('usage_unsettled')
    }
    const [cumulative] = saved
    expect(cumulative).toBeGreaterThan(0n)
    await payer.until('the Till took it', ({ collected }) => collected === cumulative)
  })

  test('no cheque is taken for another Till, fee or sum than was signed', async () => {
    const { info } = world
    const account = await openAccount({ gateway: info.webUrl, mode: 'sovereign' })
    const payer = new Payer(info.webUrl, account.apiKey, account.owner.id)
    const { commission_bps: feeBps } = await (await payer.get('/v1/till')).json()
    const { owner } = account
    const cheque = await signCheque({ owner, till: info.tillAddress, feeBps, cumulative: nano(9n) })
    const codes = []
    for (const change of [
      { till: `0:${'00'.repeat(32)}` },
      { fee_bps: feeBps + 1 },
      { cumulative: '10' },
      { account: info.accountId },
      { signature: '00'.repeat(64) },
      {},
    ]) {
      const response = await payer.post('/v1/account/cheques', { ...cheque, ...change })
      codes.push((await response.json()).error?.code)
    }
    expect(codes).toEqual([
      ...['invalid_request', 'invalid_request', 'signature_invalid'],
      // Signed well, but nothing was ever deposited.
      ...['forbidden', 'signature_invalid', 'invalid_request'],
    ])
  })
})

/** A prompt and an answer that cannot stand anywhere by chance: the small model's answers differ in length. */
async function longExchange(): Promise<{ prompt: string; text: string }> {
  for (let i = 0; i < 20; i++) {
    const prompt = `Who are you, ${crypto.randomUUID()}?`
    const messages = [{ role: 'user' as const, content: prompt }]
    const answer = await client().chat.completions.create({ model, messages, max_tokens: 60 })
    const text = answer.choices[0]?.message.content ?? ''
    if (text.length > 24) return { prompt, text }
  }
  throw new Error('the model gave no long answer')
}

function filesUnder(path: string): string[] {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
