import { readFileSync } from 'node:fs'
import { Address, toNano } from '@ton/core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAddress } from '#contracts/pure'
import { openDevWallet } from '#dev/chain/wallet.ts'
import type { World } from '#dev/world/world.ts'
import { seriousFaults } from '../support/accessibility.ts'
import {
  BROWSER_START_MS,
  DESKTOP,
  open,
  openBrowser,
  PHONE,
  screenshot,
  type Visit,
  visit,
} from '../support/browser.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'

/** One visitor's way through the whole product, in a real browser and with money of the local chain. */
let world: World
let browser: Browser
let visitor: Visit
let recoveryFile: string
let account: string

const MAX_QUESTIONS = 12

beforeAll(async () => {
  world = await openWorld()
  browser = await openBrowser()
  visitor = await arrive()
}, WORLD_START_MS + BROWSER_START_MS)
afterAll(async () => {
  await browser?.close()
  await world?.stop()
})

function arrive(): Promise<Visit> {
  const { webUrl, chainUrl } = world.info
  return visit(browser, { origin: webUrl, allowed: [new URL(chainUrl).origin] })
}

async function ask(page: Page, question: string): Promise<void> {
  await page.getByRole('button', { name: 'Simulated what was checked' }).waitFor()
  await page.getByLabel('Message').fill(question)
  await page.keyboard.press('Enter')
  await page.getByText('receipt').last().waitFor()
}

/** Everything that the site keeps on this device, as text. */
const keptOnDevice = (): Promise<string> =>
  visitor.page.evaluate(async () => {
    const databases = await indexedDB.databases()
    const records = await Promise.all(
      databases.map(
        ({ name = '' }) =>
          new Promise<unknown>((resolve) => {
            const opening = indexedDB.open(name)
            opening.onsuccess = () => {
              const all = opening.result
                .transaction('spend-keys')
                .objectStore('spend-keys')
                .getAll()
              all.onsuccess = () => resolve(all.result)
            }
          }),
      ),
    )
    // Sound: what lib/spend-keys.ts keeps.
    const keys = records.flat() as readonly { readonly key: CryptoKey }[]
    const shown = keys.map(({ key }) => `extractable ${key.extractable}`)
    return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, records, shown])
  })

/** What the first device has signed, and would sign next. */
const recordOf = (page: Page): Promise<{ readonly signed: string; readonly owed: string }> =>
  page.evaluate(
    (id) =>
      new Promise((resolve) => {
        const opening = indexedDB.open('cocoon')
        opening.onsuccess = () => {
          const store = opening.result.transaction('spend-keys').objectStore('spend-keys')
          const reading = store.get(id)
          reading.onsuccess = () => {
            opening.result.close()
            const { signed, owed } = reading.result
            resolve({ signed, owed })
          }
        }
      }),
    account,
  )

const settledOf = (page: Page): Promise<string> =>
  page.evaluate(async () => {
    const authorization = `Bearer ${sessionStorage.getItem('cocoon.key')}`
    const response = await fetch('/v1/account', { headers: { authorization } })
    return (await response.json()).settled
  })

describe('a visitor without an account', () => {
  test('makes one in the browser, and nothing is sent before the recovery file is kept', async () => {
    const { page } = visitor
    const posted: string[] = []
    page.on('request', (request) => {
      if (request.method() === 'POST' && request.url().endsWith('/v1/accounts')) {
        posted.push(request.postData() ?? '')
      }
    })
    await open(page, '/dashboard')
    await page.getByRole('button', { name: 'Make the keys here' }).click()
    const downloading = page.waitForEvent('download')
    expect(await page.getByLabel('I have kept it').isDisabled()).toBe(true)
    await page.getByRole('button', { name: 'Download it' }).click()
    recoveryFile = await (await downloading).path()
    expect(posted).toEqual([])
    await page.getByLabel('I have kept it').check()
    await page.getByRole('button', { name: 'Open the account' }).click()
    expect(await page.locator('#new-key').textContent()).toMatch(/^sk-coc-/)
    const file = JSON.parse(readFileSync(recoveryFile, 'utf8'))
    account = file.account
    expect(file.mode).toBe('sovereign')
    expect(posted).toHaveLength(1)
    for (const secret of [file.owner_secret, file.spend_secret]) {
      expect(posted.join()).not.toContain(secret)
      expect(await keptOnDevice()).not.toContain(secret)
    }
    expect(await keptOnDevice()).toContain('extractable false')
    await page.getByRole('button', { name: 'I have it' }).click()
    await page.locator('#available').waitFor()
  })

  test('tops up as a wallet would, by what the page shows, and the page notices', async () => {
    const { page } = visitor
    const { chainUrl, tillAddress } = world.info
    await open(page, '/top-up')
    const link = new URL(
      (await page.getByRole('link', { name: 'Open in a wallet' }).getAttribute('href')) ?? '',
    )
    const to = link.pathname.replace(/^\/+(?:transfer\/)?/, '')
    expect(parseAddress(to).raw).toBe(tillAddress)
    expect(link.searchParams.get('text')).toBe(account)
    await page.getByText('Waiting for a transfer').waitFor()
    const wallet = openDevWallet(chainUrl, 'a visitor of the page')
    await wallet.fund('100')
    await wallet.transfer({
      to: Address.parse(to),
      value: toNano('3'),
      comment: link.searchParams.get('text') ?? '',
    })
    await page.locator('#live-state.good').waitFor()
    expect(await page.locator('#live-state').textContent()).toMatch(/^2\.9\d*TON credited/)
  })

  test('is told of a transfer that was seen and of what it waits for', async () => {
    const { page } = visitor
    const hash = 'ab'.repeat(32)
    const waiting = [
      { value: '3000000000', lt: '7', hash, at: 1_790_000_000, waits_for: 'agreement' },
    ]
    await page.route('**/v1/account/deposits', async (route) => {
      const response = await route.fetch()
      await route.fulfill({ json: { ...(await response.json()), waiting } })
    })
    await open(page, '/top-up')
    await page.getByText('not credited yet').waitFor()
    expect(await page.locator('#live-state').textContent()).toMatch(
      /^3TON seen in transaction ababababab…abab, not credited yet\. It waits until all/,
    )
    await screenshot(page, 'top-up-seen')
    await page.unroute('**/v1/account/deposits')
    await page.getByText('Waiting for a transfer').waitFor()
  })

  test('is told while the gateway does not answer, and goes on waiting', async () => {
    const { page, context } = await arrive()
    const { apiKey } = world.info
    await context.addInitScript((key) => sessionStorage.setItem('cocoon.key', key), apiKey)
    await page.route('**/v1/account', (route) => route.abort())
    await open(page, '/top-up')
    await page.getByText('The gateway does not answer').waitFor()
    await page.unroute('**/v1/account')
    await page.getByText('Waiting for a transfer').waitFor()
    await context.close()
  })

  test('the faucet of a local chain pays too', async () => {
    const { page } = visitor
    await open(page, '/top-up')
    await page.getByLabel('Amount').fill('1')
    await page.getByText('Waiting for a transfer').waitFor()
    await page.getByRole('button', { name: 'Pay 1 from the faucet' }).click()
    await page.locator('#live-state.good').waitFor()
  })

  test('chats, pays by cheques that the browser signs, and sees what it cost', async () => {
    const { page } = visitor
    const cheques: string[] = []
    page.on('request', (request) => {
      if (request.url().endsWith('/v1/account/cheques')) cheques.push(request.postData() ?? '')
    })
    await open(page, '/chat')
    // A cheque is due once what it does not cover is more than one request may cost.
    for (let i = 0; i < MAX_QUESTIONS && cheques.length === 0; i++) {
      await ask(page, 'Who are you?')
      await page.getByRole('button', { name: 'New chat' }).click()
    }
    await open(page, '/dashboard')
    const spent = page.locator('.card', { hasText: 'Spent so far' }).locator('.figure')
    await expect.poll(async () => spent.textContent()).not.toBe('0TON')
    await page.locator('.uplot canvas').waitFor()
    expect(await page.getByLabel('Requests').getByRole('row').count()).toBeGreaterThan(1)
    expect(cheques.map((text) => JSON.parse(text).account)).toContain(account)
    const downloading = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download as CSV' }).click()
    const csv = await (await (await downloading).createReadStream()).toArray()
    expect(Buffer.concat(csv).toString()).toMatch(/^receipt,time,model.*\r\nreq_[0-9a-f]{32},/)
  })

  test('sees its transfers, and that the gateway admits to owing what is left', async () => {
    const { page } = visitor
    await open(page, '/dashboard')
    await expect.poll(() => page.getByLabel('Transactions').getByText('Deposit').count()).toBe(2)
    await expect
      .poll(
        async () => {
          await page.getByRole('button', { name: 'Check the proof of reserves' }).click()
          await page.locator('#reserves .notice').waitFor()
          return page.locator('#reserves .good').count()
        },
        { timeout: 60_000 },
      )
      .toBe(1)
  })

  test.each([
    ['light', DESKTOP],
    ['dark', DESKTOP],
    ['light', PHONE],
    ['dark', PHONE],
  ] as const)(
    'is met by pages without serious faults of accessibility, %s at %i',
    async (colorScheme, width) => {
      const { page } = visitor
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 900 })
      for (const path of ['/dashboard', '/top-up']) {
        await open(page, path)
        await page.locator(path === '/top-up' ? '#live-state' : '.uplot').waitFor()
        await screenshot(page, `signed-in${path.replace('/', '-')}-${colorScheme}-${width}`)
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
        ).toBeLessThanOrEqual(0)
        expect(await seriousFaults(page)).toEqual([])
      }
      await open(page, '/chat')
      await ask(page, 'Who are you?')
      await page.getByRole('button', { name: 'Simulated what was checked' }).click()
      await screenshot(page, `signed-in-checks-${colorScheme}-${width}`)
      expect(await seriousFaults(page)).toEqual([])
      await page.emulateMedia({ colorScheme: 'light' })
      await page.setViewportSize({ width: DESKTOP, height: 900 })
    },
  )

  test('makes a key for sealed requests alone, and revokes it', async () => {
    const { page } = visitor
    await open(page, '/dashboard')
    await page.getByText('Make a key').click()
    await page.getByLabel('Name').fill('laptop')
    await page.getByLabel('May spend in TON a day').fill('0.5')
    await page.getByLabel('Requests a minute').fill('30')
    await page.getByLabel('Sealed requests only').check()
    await page.getByRole('button', { name: 'Make the key' }).click()
    const key = (await page.locator('#new-key').textContent()) ?? ''
    const plain = await fetch(`${world.info.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: world.info.models[0],
        messages: [{ role: 'user', content: 'Hi' }],
      }),
    })
    expect(plain.status).toBe(403)
    await page.getByRole('button', { name: 'I have it' }).click()
    const row = page.getByRole('row', { name: /^laptop/ })
    expect(await row.textContent()).toContain(
      'For sealed requests, 0.5 TON a day, 30 requests a minute',
    )
    await row.getByRole('button', { name: 'Revoke' }).click()
    await row.getByRole('button', { name: 'Really revoke' }).click()
    await row.getByText(/^No: revoked/).waitFor()
  })

  test('signs in on another device by the recovery file, after agreeing to what was spent', async () => {
    const other = await arrive()
    await open(other.page, '/dashboard')
    await other.page.getByText('With my recovery file').click()
    await other.page.getByLabel('Recovery file').setInputFiles(recoveryFile)
    await other.page.getByRole('button', { name: 'That is right' }).click()
    await other.page.locator('#available').waitFor()
    await open(other.page, '/chat')
    await ask(other.page, 'Who are you?')
    expect(other.faults).toEqual([])
    await other.context.close()
  })

  test('signs on the first device for what another one spent only when its owner agrees', async () => {
    const { page } = visitor
    const owed = page.locator('#owed')
    await expect
      .poll(
        async () => {
          await open(page, '/dashboard')
          await page.locator('#keys').waitFor()
          return owed.count()
        },
        { timeout: 60_000 },
      )
      .toBe(1)
    await screenshot(page, 'signed-in-owed-light-1280')
    const before = await recordOf(page)
    await owed.getByRole('button', { name: 'Sign for the other' }).click()
    await owed.waitFor({ state: 'detached' })
    const after = await recordOf(page)
    expect(BigInt(after.owed)).toBeGreaterThan(BigInt(before.owed))
    expect(after).toEqual({ signed: before.signed, owed: await settledOf(page) })
  })

  test('orders an exit that the browser signs and any wallet sends; the gateway closes the account', async () => {
    const { page } = visitor
    const { payee } = world
    await open(page, '/dashboard')
    await page.getByText('Order an exit').click()
    await page.getByLabel('Recovery file').setInputFiles(recoveryFile)
    await page.getByLabel('To this wallet').fill(payee)
    await page.getByRole('button', { name: 'Sign the order here' }).click()
    await page.getByRole('button', { name: 'Send it from the faucet' }).click()
    await page.getByText('Sent.').waitFor()
    await expect
      .poll(
        async () => {
          await open(page, '/dashboard')
          await page.locator('#available').waitFor()
          return page.locator('#exit-state').count()
        },
        { timeout: 60_000 },
      )
      .toBe(1)
    // Browsers note a 402, by which a cheque that is due is asked for, and a 404 while the snapshot of reserves is older.
    expect(visitor.faults.filter((fault) => !/ 40[24] /.test(fault))).toEqual([])
  })
})

test('a recovery file that was altered is refused before anything is sent', async () => {
  const { page, context } = await arrive()
  const salt = /(?<="salt": ")[0-9a-f]/
  const altered = readFileSync(recoveryFile, 'utf8').replace(salt, (digit) =>
    digit === '0' ? '1' : '0',
  )
  const buffer = Buffer.from(altered)
  await open(page, '/dashboard')
  await page.getByText('With my recovery file').click()
  await page
    .getByLabel('Recovery file')
    .setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer })
  await page.getByText('does not follow from the keys').waitFor()
  await context.close()
})
