import { gzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { seriousFaults } from '../support/accessibility.ts'
import {
  BROWSER_START_MS,
  DESKTOP,
  open,
  openBrowser,
  PHONE,
  screenshot,
  visit,
} from '../support/browser.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'

/** What every page owes its reader, whatever it shows: measured in a real Chromium. */
const SESSION = '/trust/sessions/:id'
const PAGES = ['/', '/chat', '/dashboard', '/top-up', '/trust', SESSION, '/hosts', '/operator']
const MAX_FIRST_LOAD_BYTES = 100 * 1024
const SLOWER = 4
const MAX_READY_MS = 2_000
/** Measured times are printed; only a machine ten times too slow fails. */
const TOLERANCE = 10
const MAX_SHIFT = 0.02

let world: World
let browser: Browser
let allowed: readonly string[]
let session: string

beforeAll(async () => {
  world = await openWorld()
  browser = await openBrowser()
  allowed = [new URL(world.info.chainUrl).origin]
  const listed = await fetch(`${world.info.webUrl}/v1/aci/sessions`)
  session = (await listed.json()).sessions[0].session_id
}, WORLD_START_MS + BROWSER_START_MS)
afterAll(async () => {
  await browser?.close()
  await world?.stop()
})

describe.each(PAGES)('%s', (path) => {
  test.each([
    ['light', DESKTOP],
    ['dark', DESKTOP],
    ['light', PHONE],
    ['dark', PHONE],
  ] as const)('has no serious fault of accessibility, %s at %i', async (theme, width) => {
    const { page, context, faults } = await visit(browser, { ...at(), theme, width })
    await open(page, addressOf(path))
    if (path === SESSION) await page.locator('#session-verdict').waitFor()
    await screenshot(page, `${pictureOf(path)}-${theme}-${width}`)
    expect(await seriousFaults(page)).toEqual([])
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    expect(overflow).toBeLessThanOrEqual(0)
    expect(faults).toEqual([])
    await context.close()
  })

  test('loads little, answers soon on a slow processor, and stays where it is', async () => {
    const { page, context } = await visit(browser, at())
    const sizes = new Map<string, Promise<number>>()
    page.on('response', (response) =>
      sizes.set(
        response.url(),
        response.body().then(
          (body) => gzipSync(body).length,
          // Left unfinished when its page closed.
          () => 0,
        ),
      ),
    )
    const session = await context.newCDPSession(page)
    await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWER })
    await page.addInitScript(noteShifts)
    await open(page, addressOf(path))
    const readyMs = await page.evaluate(() => performance.getEntriesByName('ready')[0]?.startTime)
    const first = await page.evaluate(loadedBeforeReady)
    const bytes = (await Promise.all(first.map((url) => sizes.get(url)))).reduce<number>(
      (sum, size) => sum + (size ?? 0),
      0,
    )
    const shift = await page.evaluate(() => Number(document.documentElement.dataset['shift'] ?? 0))
    process.stdout.write(
      `  ${path}: ${(bytes / 1024).toFixed(1)} KiB, ready after ${readyMs?.toFixed(0)} ms at ${SLOWER}x, shift ${shift.toFixed(3)}\n`,
    )
    expect(bytes).toBeLessThanOrEqual(MAX_FIRST_LOAD_BYTES)
    expect(readyMs).toBeLessThan(MAX_READY_MS * TOLERANCE)
    expect(shift).toBeLessThanOrEqual(MAX_SHIFT)
    await context.close()
  })
})

test('nothing runs that the page did not name, and nothing loads from elsewhere', async () => {
  const { page, context, faults } = await visit(browser, at())
  await open(page, '/')
  expect(faults).toEqual([])
  await page.evaluate(() => {
    const image = document.createElement('img')
    image.src = 'https://elsewhere.example/pixel.png'
    document.body.append(image)
  })
  await expect.poll(() => faults.join('\n')).toMatch(/policy violated: img-src/)
  const blocked = await page
    .evaluate(() => {
      document.createElement('script').src = '/openapi.yaml'
    })
    .catch((error: unknown) => String(error))
  expect(blocked).toMatch(/TrustedScriptURL/)
  await context.close()
})

test('pages are read without any script', async () => {
  const { page, context } = await visit(browser, { ...at(), javaScript: false })
  await page.goto('/')
  expect(await page.textContent('main')).toContain(world.info.models[0])
  await context.close()
})

test('a person who is lost gets a page, a program gets JSON', async () => {
  const { page, context } = await visit(browser, at())
  const lost = await page.goto('/nowhere')
  expect([lost?.status(), await page.textContent('h1')]).toEqual([404, 'Nothing here'])
  const program = await fetch(`${world.info.webUrl}/nowhere`)
  expect(await program.json()).toMatchObject({ error: { message: 'Invalid URL (GET /nowhere)' } })
  await context.close()
})

function at() {
  return { origin: world.info.webUrl, allowed }
}

function addressOf(path: string): string {
  return path.replace(':id', session)
}

function pictureOf(path: string): string {
  if (path === SESSION) return 'session'
  return path === '/' ? 'home' : path.slice(1).replaceAll('/', '-')
}

/** The document and everything that was asked for before the page answered its reader. */
function loadedBeforeReady(): string[] {
  const ready = performance.getEntriesByName('ready')[0]?.startTime ?? 0
  const resources = performance.getEntriesByType('resource')
  const early = resources.filter(({ startTime }) => startTime <= ready).map(({ name }) => name)
  return [location.href, ...early]
}

/** Adds up how far things moved that the reader did not move. */
function noteShifts(): void {
  let sum = 0
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // Sound: entries of this type have both members.
      const { value, hadRecentInput } = entry as unknown as {
        readonly value: number
        readonly hadRecentInput: boolean
      }
      if (!hadRecentInput) sum += value
      document.documentElement.dataset['shift'] = String(sum)
    }
  }).observe({ type: 'layout-shift', buffered: true })
}
