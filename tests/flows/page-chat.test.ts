import type { Browser, Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readBalance } from '#dev/world/fund-account.ts'
import type { World } from '#dev/world/world.ts'
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

/** The chat page against the real gateway, and against one that lies to it. */
let world: World
let browser: Browser

beforeAll(async () => {
  world = await openWorld()
  browser = await openBrowser()
}, WORLD_START_MS + BROWSER_START_MS)
afterAll(async () => {
  await browser?.close()
  await world?.stop()
})

async function arrive(lies: Lies = {}, width = DESKTOP): Promise<Visit> {
  const { webUrl, chainUrl, apiKey } = world.info
  const allowed = [new URL(chainUrl).origin]
  const visitor = await visit(browser, { origin: webUrl, allowed, width })
  await visitor.context.addInitScript((key) => sessionStorage.setItem('cocoon.key', key), apiKey)
  for (const [pattern, lie] of Object.entries(lies)) await visitor.page.route(pattern, lie)
  await open(visitor.page, '/chat')
  return visitor
}

type Lies = Readonly<Record<string, (route: Route) => Promise<void>>>

/** Passes a JSON answer on with one thing changed in its text. */
const altered = (change: (text: string) => string) => async (route: Route) => {
  const response = await route.fetch()
  await route.fulfill({ response, body: change(await response.text()) })
}

async function ask(page: Page, question: string): Promise<void> {
  await page.getByRole('button', { name: 'Simulated what was checked' }).waitFor()
  await page.getByLabel('Message').fill(question)
  await page.keyboard.press('Enter')
}

describe('the chat', () => {
  test('verifies and seals in the browser, streams, shows its cost, and the balance falls', async () => {
    const { apiKey, webUrl } = world.info
    const before = await readBalance(webUrl, apiKey)
    const { page, context, faults, strangers } = await arrive()
    const sent: string[] = []
    page.on('request', (request) => sent.push(request.postData() ?? ''))
    await ask(page, 'Who are you, violet hippopotamus?')
    await page.getByText('receipt').waitFor()
    expect(await page.locator('.turn .answer').textContent()).not.toBe('')
    expect(await page.locator('.turn .facts-line').textContent()).toMatch(
      /^Simulated.*TON.*tokens/s,
    )
    expect(sent.join()).not.toContain('hippopotamus')
    await expect
      .poll(async () => (await readBalance(webUrl, apiKey)).available, { timeout: 60_000 })
      .toBeLessThan(before.available)
    await screenshot(page, 'chat-answer')
    expect(faults).toEqual([])
    expect([...strangers]).toEqual([new URL(world.info.chainUrl).origin])
    await context.close()
  })

  test('opens the list of what was checked, and says who served the code that checked it (H19)', async () => {
    const { page, context } = await arrive()
    await page.getByRole('button', { name: 'Simulated what was checked' }).click()
    const dialog = page.getByRole('dialog')
    await dialog
      .getByText(/checks passed/)
      .first()
      .click()
    expect(await dialog.textContent()).toMatch(/evidence\.report-data/)
    expect(await dialog.textContent()).toContain(`Served by ${new URL(world.info.webUrl).host}`)
    expect(await dialog.textContent()).toMatch(/simulated: no hardware protects/)
    await page.keyboard.press('Escape')
    expect(await dialog.count()).toBe(0)
    await context.close()
  })
})

describe('a gateway that lies to the page', () => {
  const flip = (hex: string): string => (hex.startsWith('0') ? '1' : '0') + hex.slice(1)

  test.each<readonly [string, Lies, RegExp]>([
    [
      'a session swapped for another document',
      {
        '**/v1/aci/sessions/*': altered((text) =>
          text.replace(/"upstream_name":"run_/, '"upstream_name":"run_0'),
        ),
      },
      /session_mismatch/,
    ],
    [
      'a key of its own in the report',
      {
        '**/v1/aci/attestation*': altered((text) =>
          text.replace(
            /"public_key":"([0-9a-f]{64})/,
            (_, key: string) => `"public_key":"${flip(key)}`,
          ),
        ),
      },
      /keyset_mismatch/,
    ],
    [
      'evidence of an earlier nonce',
      {
        '**/v1/aci/attestation*': async (route: Route) => {
          const url = new URL(route.request().url())
          url.searchParams.set('nonce', '0'.repeat(64))
          await route.fulfill({ response: await route.fetch({ url: url.href }) })
        },
      },
      /evidence\.report-data/,
    ],
  ])('%s is caught, and nothing can be sent', async (_name, lies, reason) => {
    const { page, context } = await arrive(lies)
    const alert = page.getByRole('alert').filter({ hasText: 'Nothing can be sent' })
    await alert.waitFor()
    expect(await alert.textContent()).toMatch(reason)
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
    await context.close()
  })

  test('too little credit is told in words that fit on a phone', async () => {
    const lie = (route: Route): Promise<void> => route.fulfill({ status: 402, json: {} })
    const { page, context } = await arrive({ '**/runners/*/v1/chat/completions': lie }, PHONE)
    await ask(page, 'Hello')
    const alert = page.locator('.turn [role=alert]')
    await alert.getByRole('link', { name: 'Top up' }).waitFor()
    expect(await alert.textContent()).not.toMatch(/ton:|402/)
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    expect(overflow).toBeLessThanOrEqual(0)
    await context.close()
  })

  test('an answer in the clear is not shown', async () => {
    const event = { choices: [{ delta: { content: 'I am the gateway' } }] }
    const lie = (route: Route): Promise<void> =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: `data: ${JSON.stringify(event)}\n\ndata: [DONE]\n\n`,
      })
    const { page, context } = await arrive({ '**/runners/*/v1/chat/completions': lie })
    await ask(page, 'Hello')
    expect(await page.locator('.turn [role=alert]').textContent()).toMatch(
      /Somebody answered instead/,
    )
    expect(await page.locator('.turn').textContent()).not.toContain('I am the gateway')
    await context.close()
  })

  test('an answer that was cut, receipt and all, is taken back', async () => {
    const cut = async (route: Route): Promise<void> => {
      const response = await route.fetch()
      const body = await response.body()
      await route.fulfill({ response, body: body.subarray(0, Math.floor(body.length * 0.7)) })
    }
    const { page, context } = await arrive({ '**/runners/*/v1/chat/completions': cut })
    await ask(page, 'Tell me a story')
    expect(await page.locator('.turn [role=alert]').textContent()).toMatch(/Discard|answer/)
    expect(await page.locator('.turn .answer').count()).toBe(0)
    await context.close()
  })

  test('simulated evidence without the roots of a simulation is refused by the page (H17)', async () => {
    const { page, context } = await arrive({
      '**/chat': altered((text) =>
        text.replace('"simulation":"/simulation.json"', '"simulation":null'),
      ),
    })
    const alert = page.getByRole('alert').filter({ hasText: 'Nothing can be sent' })
    await alert.waitFor()
    expect(await alert.textContent()).toMatch(/evidence_refused/)
    await context.close()
  })
})
