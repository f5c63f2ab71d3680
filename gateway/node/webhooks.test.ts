import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { nodeProvider } from '#protocol/node'
import { createWebhookTeller, type WebhookTeller } from '../accounts/webhook-teller.ts'
import { accountId } from '../db/ids.ts'
import type { Ledger } from '../ledger/port.ts'
import { mirror } from '../ledger/testing/fixtures.ts'
import { createWatchdog } from '../relay/watchdog.ts'
import { openLedger } from './testing/open-ledger.ts'
import { createUpstream } from './upstream.ts'

const NOW = unixMs(1_700_000_000_000)
const PATIENTLY = { timeout: 30_000, interval: 20 }
const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function listen(handler: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  // Sound: it listens on an address.
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/hook`, server }
}

/** A receiver that takes what it is told, or never says so. */
async function receiver(answers: boolean) {
  const told: string[] = []
  let [open, most] = [0, 0]
  const { url } = await listen((request, response) => {
    told.push(String(request.headers['webhook-id']))
    open++
    most = Math.max(most, open)
    response.on('close', () => open--)
    if (answers) response.writeHead(204).end()
  })
  return { url, told, most: () => most, open: () => open }
}

function openTeller(): { ledger: Ledger; teller: WebhookTeller; tick: () => void } {
  const { ledger } = openLedger(':memory:')
  const watchdog = createWatchdog()
  const upstream = createUpstream({
    loopback: true,
    tunnels: {
      send: () => {
        throw new Error('no tunnels here')
      },
    },
  })
  const { hashes } = nodeProvider
  const secrets = hashes.macKey(new Uint8Array(32))
  const clock = () => NOW
  const teller = createWebhookTeller({
    ...{ ledger, hashes, secrets, upstream, watchdog, clock },
    log: () => {},
  })
  cleanups.push(() => upstream.close())
  return { ledger, teller, tick: () => watchdog.tick() }
}

/** So many accounts whose balance is low, all told at one address. */
async function owe(ledger: Ledger, letter: string, count: number, url: string): Promise<void> {
  for (let i = 0; i < count; i++) {
    const account = accountId(`${letter}${String(i).padStart(31, '0')}`)
    const webhook = { url, secretId: 's', threshold: nano(5_000n) }
    await ledger.commit([mirror(account, 1_000n), { op: 'set_webhook', account, webhook, at: NOW }])
  }
}

test('a receiver that hangs, for however many accounts, holds nobody else up', async () => {
  const { ledger, teller } = openTeller()
  const [slow, good] = [await receiver(false), await receiver(true)]
  await owe(ledger, 'A', 100, slow.url)
  await owe(ledger, 'B', 12, good.url)
  await teller.tell()
  await expect.poll(() => good.told.length, PATIENTLY).toBe(12)
  expect(new Set(good.told).size).toBe(12)
  expect(good.most()).toBeLessThanOrEqual(5)
  expect(slow.told).toHaveLength(5)
  expect(slow.open()).toBe(5)
  await teller.close()
  await expect.poll(() => slow.open(), PATIENTLY).toBe(0)
})

test('what hangs is tried again later, and the next of its receiver has its turn', async () => {
  const { ledger, teller, tick } = openTeller()
  const slow = await receiver(false)
  await owe(ledger, 'A', 7, slow.url)
  await teller.tell()
  await expect.poll(() => slow.told.length, PATIENTLY).toBe(5)
  const first = teller.settled()
  for (let second = 0; second < 12; second++) tick()
  await first
  await expect.poll(() => new Set(slow.told).size, PATIENTLY).toBe(7)
  const asked = { op: 'due_webhooks', limit: 100 } as const
  const [now, later] = await ledger.commit([
    { ...asked, at: NOW },
    { ...asked, at: unixMs(NOW + 10_000) },
  ])
  expect(now.due.map(({ attempts }) => attempts)).toEqual([0, 0])
  expect(later.due.filter(({ attempts }) => attempts === 1)).toHaveLength(5)
  await teller.close()
})

test('a gateway that stops waits for no receiver', async () => {
  const { ledger, teller } = openTeller()
  const slow = await receiver(false)
  await owe(ledger, 'A', 1, slow.url)
  await teller.tell()
  await expect.poll(() => slow.told.length, PATIENTLY).toBe(1)
  await teller.close()
  const [{ due }] = await ledger.commit([
    { op: 'due_webhooks', at: unixMs(NOW + 10_000), limit: 10 },
  ])
  expect(due).toMatchObject([{ attempts: 1 }])
})
