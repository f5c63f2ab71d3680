import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { accountIdOf, webSha256 } from '#contracts/pure'
import { openPages } from '#web/node.ts'
import { BROWSER_START_MS, open, openBrowser, visit } from '../support/browser.ts'

/**
 * TON Connect needs a public chain, which this machine has not: the page of one, served by itself. Wallets and their
 * bridges are outside; what the page asks of them, and when, is what is held here.
 */
const ROOT = join(import.meta.dirname, '..', '..')
const TILL = `0:${'a1'.repeat(32)}`
let server: Server
let origin: string
let browser: Browser

beforeAll(async () => {
  const pages = await openPages({ root: ROOT, registry: '', endpoints: [], network: 'mainnet' })
  server = createServer(async (request, response) => {
    const url = `http://${request.headers.host}${request.url}`
    const context = { publicUrl: origin, read: async () => ({ address: TILL }) }
    const answer = await pages(new Request(url, { headers: { accept: 'text/html' } }), context)
    response.writeHead(answer?.status ?? 404, Object.fromEntries(answer?.headers ?? []))
    response.end(Buffer.from((await answer?.arrayBuffer()) ?? new ArrayBuffer()))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  origin = typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
  browser = await openBrowser()
}, BROWSER_START_MS)
afterAll(async () => {
  await browser?.close()
  server?.close()
})

test('a wallet’s bridge is asked when a wallet is connected, nobody before and nobody else: no telemetry', async () => {
  const bridge = 'https://bridge.tonapi.io'
  const { page, context, faults, strangers } = await visit(browser, { origin, allowed: [bridge] })
  const asked: string[] = []
  await context.route(`${bridge}/**`, (route) => {
    asked.push(route.request().url())
    return route.fulfill({ contentType: 'text/event-stream', body: ': waiting\n\n' })
  })
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const keys = { owner: null, ownerKey: random(32), spendKey: null, salt: random(16) }
  await open(page, `/top-up?account=${await accountIdOf(keys, 'managed', webSha256)}`)
  expect(await page.textContent('body')).not.toContain('faucet')
  await page.getByText('Connect a wallet').click()
  expect([...strangers]).toEqual([])
  await page.getByRole('button', { name: 'Tonkeeper' }).click()
  const link = page.getByRole('link', { name: 'Open the wallet' })
  const target = new URL((await link.getAttribute('href')) ?? '')
  expect(target.origin).toBe('https://app.tonkeeper.com')
  expect(JSON.parse(target.searchParams.get('r') ?? '').manifestUrl).toBe(
    `${origin}/tonconnect-manifest.json`,
  )
  await expect.poll(() => asked.length, { timeout: 60_000 }).toBeGreaterThan(0)
  expect([...strangers]).toEqual([bridge])
  expect(faults).toEqual([])
  await context.close()
})

test('its manifest names this gateway, with a picture that wallets can show', async () => {
  const manifest = await (await fetch(`${origin}/tonconnect-manifest.json`)).json()
  expect(manifest).toEqual({ url: origin, name: 'Cocoon', iconUrl: `${origin}/icon.png` })
  const icon = Buffer.from(await (await fetch(manifest.iconUrl)).arrayBuffer())
  expect(icon.subarray(1, 4).toString()).toBe('PNG')
})
