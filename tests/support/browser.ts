import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import chromiumPackage from '@sparticuz/chromium'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

/** Ten times what a cold start of Chromium takes on a busy machine of two cores. */
export const BROWSER_START_MS = 60_000
/** Ten times the longest wait for anything that a page does. */
const ACTION_MS = 60_000
const ROOT = join(import.meta.dirname, '..', '..')

/** Chromium of `CHROMIUM`, or the one that comes from npm. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? (await chromiumPackage.executablePath())
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}

export interface Visit {
  readonly page: Page
  readonly context: BrowserContext
  /** Console errors, exceptions, policy violations and requests to strangers: must stay empty. */
  readonly faults: string[]
  /** Origins that were asked, besides the page's own. */
  readonly strangers: Set<string>
}

export interface VisitOptions {
  readonly origin: string
  readonly theme?: 'light' | 'dark'
  readonly width?: number
  /** Further origins that the page may ask. */
  readonly allowed?: readonly string[]
  readonly javaScript?: boolean
}

export const DESKTOP = 1280
export const PHONE = 390

/** A visitor of their own, who notes everything that a page must not do. */
export async function visit(browser: Browser, options: VisitOptions): Promise<Visit> {
  const { origin, theme = 'light', width = DESKTOP, allowed = [], javaScript = true } = options
  const context = await browser.newContext({
    baseURL: origin,
    colorScheme: theme,
    locale: 'en-US',
    viewport: { width, height: width === PHONE ? 844 : 860 },
    javaScriptEnabled: javaScript,
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  context.setDefaultTimeout(ACTION_MS)
  const page = await context.newPage()
  const faults: string[] = []
  const strangers = new Set<string>()
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => faults.push(`exception: ${error.message}`))
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.protocol === 'data:' || url.protocol === 'blob:' || url.origin === origin) return
    strangers.add(url.origin)
    if (!allowed.includes(url.origin)) faults.push(`asked ${url.origin}`)
  })
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      // biome-ignore lint/suspicious/noConsole: read by the test
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`)
    })
  })
  return { page, context, faults, strangers }
}

/** Opens a page and waits until its interactive part answers. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path)
  await page.waitForSelector('html[data-ready="true"]')
}

/** A picture for a person to look at, in `.cocoon/screens/`. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const path = join(ROOT, '.cocoon', 'screens', `${name}.png`)
  mkdirSync(dirname(path), { recursive: true })
  await page.screenshot({ path, fullPage: true })
}
