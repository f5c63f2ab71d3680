import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { accountIdOf, webSha256 } from '#contracts/pure'
import { openDevWallet } from '#dev/chain/wallet.ts'
import type { World } from '#dev/world/world.ts'
import { openPages } from '#web/node.ts'
import { seriousFaults } from '../support/accessibility.ts'
import {
  BROWSER_START_MS,
  open,
  openBrowser,
  screenshot,
  type Visit,
  visit,
} from '../support/browser.ts'
import { type InjectedOptions, injectWallet } from '../support/injected-wallet.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const TILL = `0:${'a1'.repeat(32)}`
const BRIDGES = ['https://bridge.tonapi.io', 'https://tonconnectbridge.mytonwallet.org']
let world: World
let server: Server
let origin: string
let browser: Browser

beforeAll(async () => {
  world = await openWorld()
  await openPublic()
  browser = await openBrowser()
}, WORLD_START_MS + BROWSER_START_MS)
afterAll(async () => {
  await browser?.close()
  server?.close()
  await world?.stop()
})

describe('a wallet in the browser', () => {
  const NAME = 'the wallet of a page’s visitor'

  /** Somebody with this wallet; signed in with the world's own key if told. */
  async function arrive(
    { withKey, name = NAME }: { readonly withKey: boolean; readonly name?: string },
    options: InjectedOptions = {},
  ): Promise<Visit> {
    const { webUrl, chainUrl, apiKey } = world.info
    const visitor = await visit(browser, { origin: webUrl, allowed: [new URL(chainUrl).origin] })
    await injectWallet(visitor.context, { chainUrl, name }, options)
    if (withKey) {
      await visitor.page.goto('/hosts')
      await visitor.page.evaluate((key) => sessionStorage.setItem('cocoon.key', key), apiKey)
    }
    return visitor
  }

  const kept = ({ page }: Visit): Promise<Record<string, string>> =>
    page.evaluate(() => ({ ...localStorage, ...sessionStorage }))

  test('is linked by the account’s admin and signs in from then on, until it is taken away (M17)', async () => {
    const owner = await arrive({ withKey: true })
    await open(owner.page, '/dashboard')
    await owner.page.getByText('Link a wallet').click()
    await owner.page.getByRole('button', { name: 'Tonkeeper in this browser' }).click()
    await owner.page.getByText('Linked.').waitFor()
    const takeAway = owner.page.getByRole('button', { name: 'Take it away' })
    await takeAway.waitFor()
    await screenshot(owner.page, 'wallet-linked')
    expect(await seriousFaults(owner.page)).toEqual([])

    const visitor = await arrive({ withKey: false })
    await open(visitor.page, '/dashboard')
    const scripts = () =>
      visitor.page.evaluate(() => performance.getEntriesByType('resource').length)
    const before = await scripts()
    await visitor.page.getByText('With a TON wallet').click()
    await screenshot(visitor.page, 'wallet-sign-in')
    expect(await seriousFaults(visitor.page)).toEqual([])
    // TON Connect is loaded by the press that needs it.
    expect(await scripts()).toBe(before)
    await visitor.page.getByRole('button', { name: 'Tonkeeper in this browser' }).click()
    await visitor.page.locator('#available').waitFor()
    expect(await visitor.page.textContent('main')).toContain(world.info.accountId)
    const { 'cocoon.key': key = '', ...rest } = await kept(visitor)
    expect(key).toMatch(/^sk-coc-/)
    expect(Object.keys(rest)).toEqual(['cocoon.tab-key'])
    const read = () =>
      fetch(`${world.info.baseUrl}/account`, { headers: { authorization: `Bearer ${key}` } })
    expect((await read()).status).toBe(200)
    await visitor.page.getByRole('button', { name: 'Sign out' }).click()
    await expect.poll(async () => (await read()).status, { timeout: 60_000 }).toBe(401)
    expect(await kept(visitor)).toEqual({})

    await takeAway.click()
    await takeAway.waitFor({ state: 'detached' })
    await visitor.page.getByText('With a TON wallet').click()
    await visitor.page.getByRole('button', { name: 'Tonkeeper in this browser' }).click()
    await visitor.page.getByText('linked to no account here').waitFor()
    for (const { faults, context } of [owner, visitor]) {
      // Browsers note the answer to a wallet that is not linked.
      expect(faults.filter((fault) => !fault.includes('404'))).toEqual([])
      await context.close()
    }
  })

  test.each<readonly [string, InjectedOptions, RegExp]>([
    ['whose owner says no', { refuses: true }, /owner said no/],
    ['that signs for another site', { domain: 'phish.example' }, /signed for another site/],
  ])('%s signs nobody in', async (_what, options, said) => {
    const { page, context } = await arrive({ withKey: false }, options)
    await open(page, '/dashboard')
    await page.getByText('With a TON wallet').click()
    await page.getByRole('button', { name: 'Tonkeeper in this browser' }).click()
    await page.getByRole('status').filter({ hasText: said }).waitFor()
    expect(await page.locator('#available').count()).toBe(0)
    await context.close()
  })

  test('pays what the page asks, and the page sees it credited', async () => {
    const { page, context, faults } = await arrive({ withKey: true })
    await openDevWallet(world.info.chainUrl, NAME).fund('10')
    await open(page, '/top-up')
    await page.getByLabel('Amount').fill('2')
    await page.getByText('Connect a wallet').click()
    await page.getByText('Waiting for a transfer').waitFor()
    await page.getByRole('button', { name: 'Tonkeeper in this browser' }).click()
    await page.locator('#live-state.good').waitFor()
    expect(faults).toEqual([])
    await context.close()
  })
})

/**
 * Wallets elsewhere need a public chain, which this machine has not: the pages of one, served by themselves. Wallets and
 * their bridges are outside; what the page asks of them, and when, is what is held here.
 */
async function openPublic(): Promise<void> {
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
}

test('wallets’ bridges may be asked by the pages that connect a wallet, and by no other', async () => {
  const { page, context } = await visit(browser, { origin })
  const policyOf = async (at: string): Promise<string> =>
    (await page.goto(at))?.headers()['content-security-policy'] ?? ''
  for (const path of ['/dashboard', '/top-up']) {
    expect(await policyOf(`${origin}${path}`)).toMatch(
      new RegExp(`connect-src 'self' ${BRIDGES.join(' ')};`),
    )
    // On a local chain nobody does.
    expect(await policyOf(`${world.info.webUrl}${path}`)).not.toContain('bridge')
  }
  for (const path of ['/', '/chat', '/trust', '/hosts', '/operator']) {
    expect(await policyOf(`${origin}${path}`)).toMatch(/connect-src 'self';/)
  }
  await context.close()
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
