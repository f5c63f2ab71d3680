import { Address, toNano } from '@ton/core'
import type { Browser, Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDevWallet } from '#dev/chain/wallet.ts'
import type { World } from '#dev/world/world.ts'
import { seriousFaults } from '../support/accessibility.ts'
import {
  BROWSER_START_MS,
  open,
  openBrowser,
  screenshot,
  type Visit,
  visit,
} from '../support/browser.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'

/** Machines, sessions and receipts, checked by the page; and a gateway that swaps them. */
let world: World
let browser: Browser
let receipt: string
let session: string

beforeAll(async () => {
  world = await openWorld()
  browser = await openBrowser()
  const { baseUrl, apiKey, models } = world.info
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ model: models[0], messages: [{ role: 'user', content: 'Hi' }] })
  const answer = await fetch(`${baseUrl}/chat/completions`, { method: 'POST', headers, body })
  await answer.text()
  receipt = answer.headers.get('x-receipt-id') ?? ''
  session = answer.headers.get('x-cocoon-session-id') ?? ''
}, WORLD_START_MS + BROWSER_START_MS)
afterAll(async () => {
  await browser?.close()
  await world?.stop()
})

async function arrive(pattern?: string, lie?: (route: Route) => Promise<void>): Promise<Visit> {
  const { webUrl, chainUrl, apiKey } = world.info
  const visitor = await visit(browser, { origin: webUrl, allowed: [new URL(chainUrl).origin] })
  await visitor.context.addInitScript((key) => sessionStorage.setItem('cocoon.key', key), apiKey)
  if (pattern !== undefined && lie !== undefined) await visitor.page.route(pattern, lie)
  return visitor
}

const altered = (change: (text: string) => string) => async (route: Route) => {
  const response = await route.fetch()
  await route.fulfill({ response, body: change(await response.text()) })
}

/** What the cashier of a gateway tells that cannot pay for its messages and whose Till holds a nano too little. */
const SHORT_OF_GAS = {
  gas_wallet: { address: `0:${'ab'.repeat(32)}`, balance: '10000000', low: true },
  last_round: { at: 1_790_000_000, sent: 'unfunded', commands: 3 },
  rotation_at: null,
  reconciliation: {
    at: 1_790_000_000,
    transactions: 5,
    missed: 0,
    invented: 0,
    difference: '-1',
    covered: true,
  },
  liabilities: { accounts: '0', hosts: '0', losses: '0' },
}

/** Two providers, one of which is away, and an account that they showed differently. */
const CHAIN_IN_DOUBT = {
  providers: [
    {
      ...{ host: 'toncenter.com', role: 'primary', at: 1_790_000_000 },
      ...{ seqno: 51_000_000, lag_seconds: 4, error: null },
    },
    {
      ...{ host: 'other.example', role: 'witness', at: 1_790_000_000 },
      ...{ seqno: null, lag_seconds: null, error: 'unavailable' },
    },
  ],
  agreement: { agree: false, at: 1_790_000_000 },
  watcher: {
    seqno: 50_999_990,
    at: 1_789_999_000,
    last_error: { code: 'untrusted', at: 1_790_000_000 },
  },
}

const RATES = {
  ticker: 'TON',
  rate: { usd: 3.5, source: 'median of 1', at: 1_789_999_960, age_seconds: 40 },
  sources: [
    { name: 'one', usd: 3.5, at: 1_789_999_960 },
    { name: 'two', usd: null, at: 1_789_999_960 },
  ],
}

const verdict = (page: Page): Promise<string | null> =>
  page.locator('#session-verdict').textContent()

describe('what is proven', () => {
  test('every machine is verified in the browser, over a nonce of its own', async () => {
    const { page, context, faults } = await arrive()
    const nonces: string[] = []
    page.on('request', (request) => {
      const nonce = new URL(request.url()).searchParams.get('nonce')
      if (nonce !== null) nonces.push(nonce)
    })
    await open(page, '/trust')
    await page.getByRole('button', { name: 'Verify every machine now' }).click()
    await page.getByText('0 verified, 1 simulated, 0 refused').waitFor()
    expect(new Set(nonces).size).toBe(nonces.length)
    expect(nonces).toHaveLength(1)
    await screenshot(page, 'trust-verified')
    expect(faults).toEqual([])
    await context.close()
  })

  test('a session is judged by its document and by the machine itself', async () => {
    const { page, context, faults } = await arrive()
    await open(page, `/trust/sessions/${session}`)
    expect(await verdict(page)).toMatch(/^Simulated.*answered just now/)
    await page.locator('#session-verdict summary').click()
    expect(await verdict(page)).toContain('session.id')
    expect(await verdict(page)).toContain('evidence.report-data')
    expect(faults).toEqual([])
    await context.close()
  })

  test('a receipt of one’s own is fetched by its id and checked', async () => {
    const { page, context, faults } = await arrive()
    await open(page, `/trust?receipt=${receipt}`)
    await page.locator('#receipt-verdict.good').waitFor()
    expect(await page.locator('#receipt-verdict').textContent()).toContain('receipt.signature')
    expect(faults).toEqual([])
    await context.close()
  })
})

describe('a gateway that swaps what the page checks', () => {
  test('a session that is another document is refused', async () => {
    const lie = altered((text) => text.replace('"established_at":', '"established_at":1'))
    const { page, context } = await arrive('**/v1/aci/sessions/*', lie)
    await open(page, `/trust/sessions/${session}`)
    expect(await verdict(page)).toMatch(/^Refused.*session\.id/)
    await context.close()
  })

  test('a keyset swapped under the session is refused', async () => {
    const lie = altered((text) =>
      text.replace(
        /("workload_keyset":\{.*?"public_key":")([0-9a-f])/,
        (_, head: string, digit: string) => `${head}${digit === '0' ? '1' : '0'}`,
      ),
    )
    const { page, context } = await arrive('**/v1/aci/sessions/*', lie)
    await open(page, `/trust/sessions/${session}`)
    expect(await verdict(page)).toMatch(/^Refused.*session\.keyset/)
    await context.close()
  })

  test('an allowlist without the image refuses the machine', async () => {
    const { page, context } = await arrive(
      '**/api/v2/jsonRPC',
      altered((text) => text.replace(/"code":"[^"]{8}/, '"code":"AAAAAAAA')),
    )
    await open(page, `/trust/sessions/${session}`)
    await page
      .getByRole('alert')
      .filter({ hasText: 'registry_wrong' })
      .or(page.getByText('There is no Registry at this address'))
      .waitFor()
    await context.close()
  })

  test.each([
    ['its price', (text: string) => text.replace(/"cost":"?[0-9]+"?/, '"cost":"1"')],
    [
      'its signature',
      (text: string) =>
        text.replace(
          /("signature":")([0-9a-f])/,
          (_, head: string, char: string) => `${head}${char === 'a' ? 'b' : 'a'}`,
        ),
    ],
    ['its model', (text: string) => text.replace(/"model":"[^"]+"/, '"model":"another"')],
  ])('a receipt with %s changed does not hold', async (_what, change) => {
    const { page, context } = await arrive('**/v1/aci/receipts/*', altered(change))
    await open(page, `/trust?receipt=${receipt}`)
    await page.locator('#receipt-verdict.bad').waitFor()
    await context.close()
  })
})

describe('pages that only read', () => {
  test('the fleet and a host’s earnings need no script', async () => {
    const { webUrl } = world.info
    const { page, context } = await visit(browser, { origin: webUrl, javaScript: false })
    await page.goto('/hosts')
    expect(
      await page.getByRole('region', { name: 'Machines of the fleet' }).textContent(),
    ).toContain('Serves')
    await page.getByLabel('Wallet address').fill(world.payee)
    await page.getByRole('button', { name: 'Show' }).click()
    expect(await page.textContent('main')).toMatch(/1 machine now\..*Earned0\.0+\d+TON/s)
    await expect
      .poll(
        async () => {
          await page.reload()
          return page.getByRole('region', { name: 'Machines of this host' }).textContent()
        },
        { timeout: 60_000, interval: 1_000 },
      )
      .toMatch(/100 %\s*100 %\s*\d+\s*none/)
    await page.goto('/hosts?address=nonsense')
    expect(await page.getByRole('alert').textContent()).toMatch(/not a TON address/)
    await context.close()
  })

  test('the Registry and the Till are shown with what they hold', async () => {
    const { page, context } = await visit(browser, { origin: world.info.webUrl, javaScript: false })
    await page.goto('/trust')
    expect(
      await page.getByRole('region', { name: 'Entries of the Registry' }).textContent(),
    ).toMatch(/Active/)
    expect(await page.textContent('main')).toMatch(/Covered by the Till(?:yes|not at this moment)/)
    await context.close()
  })
})

describe('the operator', () => {
  test('drains and admits a machine, and offers and withdraws a model, by the admin key alone', async () => {
    const { page, context, faults } = await arrive()
    const { webUrl, adminKey } = world.info
    await open(page, '/operator')
    await page.getByLabel('Admin key').fill(adminKey)
    await page.getByRole('button', { name: 'Enter' }).click()
    await page.getByText(/follows from its postings/).waitFor()
    await page.getByText('Last round of charges and payouts').waitFor()
    const providers = page.getByLabel('Providers of the chain').getByRole('row').nth(1)
    const { host } = new URL(world.info.chainUrl)
    expect(await providers.textContent()).toMatch(new RegExp(`^${host}primaryAnswers[0-9,]+ s$`))
    expect(await page.locator('#watcher').textContent()).toMatch(/read up to block [0-9,]+/)
    expect(await page.locator('#rates').textContent()).toMatch(/No dollar rate/)
    await page.getByRole('button', { name: 'Drain' }).click()
    await page.getByRole('cell', { name: 'drained' }).waitFor()
    await page.getByRole('button', { name: 'Admit' }).click()
    await page.getByRole('cell', { name: 'admitted' }).waitFor()
    await page.getByText('Offer a model').click()
    await page.getByLabel('Model id').fill('org/new-model')
    for (const name of ['Input', 'Cached input', 'Output'])
      await page.getByRole('textbox', { name: new RegExp(`^${name}, base`) }).fill('0.5')
    await page.getByRole('button', { name: 'Offer it' }).click()
    const row = page.getByRole('row', { name: 'org/new-model' })
    await row.waitFor()
    await screenshot(page, 'operator-desk')
    await row.getByRole('button', { name: 'Withdraw' }).click()
    await row.waitFor({ state: 'detached' })
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
    )
    expect(kept).not.toContain(adminKey)
    expect(webUrl).toBe(new URL(page.url()).origin)
    expect(faults).toEqual([])
    await context.close()
  })

  test('sees a deposit that belongs to nobody, and is told when gas runs low', async () => {
    const { chainUrl, tillAddress, adminKey, webUrl } = world.info
    const wallet = openDevWallet(chainUrl, 'somebody who forgets the memo')
    await wallet.fund('10')
    await wallet.transfer({
      to: Address.parse(tillAddress),
      value: toNano('2'),
      comment: 'hello',
      bounce: false,
    })
    const headers = { authorization: `Bearer ${adminKey}` }
    await expect
      .poll(
        async () => {
          const listed = await fetch(`${webUrl}/admin/events?kind=orphan`, { headers })
          return (await listed.json()).data.length
        },
        { timeout: 60_000 },
      )
      .toBe(1)
    const { page, context, faults } = await arrive()
    await page.route('**/admin/cashier', (route) => route.fulfill({ json: SHORT_OF_GAS }))
    await open(page, '/operator')
    await page.getByLabel('Admin key').fill(adminKey)
    await page.getByRole('button', { name: 'Enter' }).click()
    const orphan = page.getByLabel('Transactions of the Till').getByRole('row').nth(1)
    expect(await orphan.textContent()).toMatch(/no valid memo2TON$/)
    expect(await page.locator('#gas').textContent()).toMatch(/0\.01TON.*Fund it/)
    expect(await page.locator('#gas').getAttribute('class')).toContain('bad')
    expect(await page.locator('#reconciliation').getAttribute('class')).toContain('bad')
    await screenshot(page, 'operator-orphan-light-1280')
    expect(await seriousFaults(page)).toEqual([])
    await page.emulateMedia({ colorScheme: 'dark' })
    await screenshot(page, 'operator-orphan-dark-1280')
    await page.getByLabel('Show').selectOption('returned')
    await page.getByText('None.').waitFor()
    expect(faults).toEqual([])
    await context.close()
  })

  test('sees the books of many stores page by page, and what any page says is broken', async () => {
    const page1 = { accounts: 200, available: '1000000000', held: '0', hosts: '0', fees: '0' }
    const { page, context } = await arrive()
    const second = Promise.withResolvers<void>()
    await page.route('**/admin/audit*', async (route) => {
      const isFirst = !route.request().url().includes('after=')
      if (!isFirst) await second.promise
      const page2 = { ...page1, accounts: 1, broken: ['acct:X: holds'], next: null }
      await route.fulfill({ json: isFirst ? { ...page1, broken: [], next: '0/acct:A' } : page2 })
    })
    await open(page, '/operator')
    await page.getByLabel('Admin key').fill(world.info.adminKey)
    await page.getByRole('button', { name: 'Enter' }).click()
    await page.getByText('200 accounts audited so far, none broken.').waitFor()
    second.resolve()
    await page.getByText('Broken: acct:X: holds').waitFor()
    expect(await page.locator('.card', { hasText: 'available' }).textContent()).toMatch(/2TON$/)
    await context.close()
  })

  test('sees providers of the chain that disagree or are away, and each source of the rate', async () => {
    const { page, context } = await arrive()
    await page.route('**/admin/chain', (route) => route.fulfill({ json: CHAIN_IN_DOUBT }))
    await page.route('**/admin/rates', (route) => route.fulfill({ json: RATES }))
    await open(page, '/operator')
    await page.getByLabel('Admin key').fill(world.info.adminKey)
    await page.getByRole('button', { name: 'Enter' }).click()
    await page.locator('#agreement.bad').waitFor()
    expect(await page.getByLabel('Providers of the chain').textContent()).toMatch(
      /toncenter\.com.*Answers.*other\.example.*Fails.*does not answer/,
    )
    expect(await page.locator('#watcher.bad').textContent()).toMatch(/is not believed alone/)
    expect(await page.locator('#rates').textContent()).toMatch(
      /3\.5 US dollars: median of 1, 40 seconds old.*two: nothing usable/,
    )
    await page.locator('#health').scrollIntoViewIfNeeded()
    await screenshot(page, 'operator-health')
    expect(await seriousFaults(page)).toEqual([])
    await context.close()
  })

  test('a wrong admin key opens nothing', async () => {
    const { page, context } = await arrive()
    await open(page, '/operator')
    await page.getByLabel('Admin key').fill('not the admin key of this world')
    await page.getByRole('button', { name: 'Enter' }).click()
    await page.getByRole('alert').filter({ hasText: 'not the admin key of this gateway' }).waitFor()
    await context.close()
  })
})
