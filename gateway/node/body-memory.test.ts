import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'

/** Bodies that are being read, more than a process may hold in memory. */
let world: TestWorld
let runner: TestRunner
let account: TestAccount

const MIB = 1024 * 1024
const MEMORY_MIB = 128
/** An eighth of it for strangers, and half of each part for one alone. */
const STRANGERS_MIB = 16
const ACCOUNT_MIB = 56
const BEYOND = 5
const WAIT = { timeout: 20_000 }
const AGAIN = { timeout: 2_000 }
const CHAT = JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hi' }] })

beforeAll(async () => {
  world = await startTestWorld({ trustedProxies: ['127.0.0.0/8'], bodyMemory: MEMORY_MIB * MIB })
  runner = await startTestRunner(world)
  account = await world.account(100_000_000n)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

interface Asked {
  readonly socket: Socket
  /** What was answered, so far. */
  text(): string
}

/** Begins a request, whose body stays away. */
async function begin(path: string, headers: string): Promise<Asked> {
  const { hostname, port } = new URL(world.gateway.origin)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (part) => {
    text += String(part)
  })
  await once(socket, 'connect')
  socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`)
  return { socket, text: () => text }
}

/** Begins as many as fit and some more, which are refused. @returns those that wait for their bodies */
async function fill(
  path: string,
  headers: string,
  fitting: number,
  within = WAIT,
): Promise<readonly Asked[]> {
  const all = await Promise.all(
    Array.from({ length: fitting + BEYOND }, () => begin(path, headers)),
  )
  const refused = () => all.filter(({ text }) => text() !== '')
  await vi.waitFor(() => expect(refused().length).toBe(BEYOND), within)
  for (const { text } of refused()) expectOverloaded(text())
  return all.filter(({ text }) => text() === '')
}

function expectOverloaded(text: string): void {
  expect(text).toMatch(/^HTTP\/1\.1 503 /)
  expect(text.toLowerCase()).toContain('retry-after: 1')
  expect(text).toContain('"code":"overloaded"')
}

const chat = async (key = account.key, body = CHAT) => {
  const answer = await fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body,
  })
  await answer.text()
  return answer.status
}

const register = async (size: number, from: string) => {
  const answer = await fetch(`${world.gateway.origin}/v1/runners/register`, {
    method: 'POST',
    headers: { 'x-forwarded-for': from },
    body: JSON.stringify({ filler: 'x'.repeat(size) }),
  })
  return (await answer.json()).error.code
}

describe('bodies without a key', () => {
  test.each([
    ['/v1/runners/register', 'announced', `content-length: ${4 * MIB}\r\n`, 4],
    ['/v1/runners/register', 'in chunks', 'transfer-encoding: chunked\r\n', 8],
    ['/v1/receipts', 'announced', `content-length: ${2 * MIB}\r\n`, 2],
  ])(
    'of %s, %s: are refused unread beyond their memory, and others are served',
    async (path, _, headers, size) => {
      const fitting = STRANGERS_MIB / 2 / size
      const held = await fill(path, `${headers}x-forwarded-for: 1.1.1.1\r\n`, fitting)
      // Another address has its own share, and who has a key another memory.
      expect(await register(3 * MIB, '1.1.1.1')).toBe('overloaded')
      expect(await register(3 * MIB, '2.2.2.2')).toBe('invalid_registration')
      expect(await chat()).toBe(200)
      // What broke off has given its room back.
      for (const { socket } of held) socket.destroy()
      await vi.waitFor(
        async () => expect(await register(7 * MIB, '1.1.1.1')).toBe('invalid_registration'),
        WAIT,
      )
    },
  )
})

describe('bodies of an account without money', () => {
  test('are refused unread beyond what the others leave, and given back when they break off', async () => {
    const poor = await world.account(0n)
    const headers = `authorization: Bearer ${poor.key}\r\ncontent-length: ${4 * MIB}\r\n`
    const held = await fill('/v1/chat/completions', headers, ACCOUNT_MIB / 4)
    expect(await chat()).toBe(200)
    for (const { socket } of held) socket.destroy()
    await vi.waitFor(() => fill('/v1/chat/completions', headers, ACCOUNT_MIB / 4, AGAIN), WAIT)
  })

  test('in chunks are refused when there is no room for more', async () => {
    const poor = await world.account(0n)
    const key = `authorization: Bearer ${poor.key}\r\n`
    const chunk = `${(3 * MIB).toString(16)}\r\n${' '.repeat(3 * MIB)}\r\n`
    const asked: Asked[] = []
    while (!asked.some(({ text }) => text() !== '') && asked.length < 100) {
      const next = await begin('/v1/chat/completions', `${key}transfer-encoding: chunked\r\n`)
      asked.push(next)
      await new Promise((resolve) => next.socket.write(chunk, resolve))
      await (await fetch(`${world.gateway.origin}/health`)).text()
    }
    await vi.waitFor(
      () => expectOverloaded(asked.map(({ text }) => text()).find((text) => text !== '') ?? ''),
      WAIT,
    )
    expect(await chat()).toBe(200)
  })
})

/** What a scraper reads. */
async function metric(name: string, owner: 'accounts' | 'strangers'): Promise<number> {
  const text = await (await fetch(`${world.gateway.origin}/metrics`)).text()
  const line = new RegExp(`^cocoon_body_${name}\\{owner="${owner}"\\} (\\d+)$`, 'm').exec(text)
  return Number(line?.[1] ?? 0)
}

test.each([
  ['strangers', STRANGERS_MIB / 2],
  ['accounts', ACCOUNT_MIB],
] as const)(
  'what bodies of %s take, and who was refused, is told to the operator',
  async (owner, most) => {
    const { key } = await world.account(0n)
    const [path, head] =
      owner === 'strangers'
        ? ['/v1/runners/register', 'x-forwarded-for: 4.4.4.4\r\n']
        : ['/v1/chat/completions', `authorization: Bearer ${key}\r\n`]
    await vi.waitFor(async () => expect(await metric('bytes', owner)).toBe(0), WAIT)
    const before = await metric('refusals_total', owner)
    const held = await fill(path, `${head}content-length: ${4 * MIB}\r\n`, most / 4)
    expect(await metric('bytes', owner)).toBe(most * MIB)
    expect(await metric('refusals_total', owner)).toBe(before + BEYOND)
    for (const { socket } of held) socket.destroy()
    await vi.waitFor(async () => expect(await metric('bytes', owner)).toBe(0), WAIT)
  },
)

test('requests one after the other, of any number, leave no byte taken', async () => {
  for (let i = 0; i < 4; i++) {
    expect(await register(3 * MIB, '3.3.3.3')).toBe('invalid_registration')
  }
  const poor = await world.account(0n)
  const large = CHAT.replace('hi', 'x'.repeat(4 * MIB - CHAT.length))
  for (let i = 0; i <= ACCOUNT_MIB / 4; i++) expect(await chat(poor.key, large)).toBe(402)
})
