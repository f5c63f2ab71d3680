import type { Random } from '#base/brand.ts'
import { base64url } from '#base/bytes.ts'
import { ASSET_PATH, type Asset, type Assets } from './assets.ts'
import { pageHeaders, SAFE } from './headers.ts'
import { layout } from './layout.ts'
import type { DrawPage, Page, View } from './page.ts'
import { chatPage } from './pages/chat.ts'
import { dashboardPage } from './pages/dashboard.ts'
import { homePage } from './pages/home.ts'
import { hostsPage } from './pages/hosts.ts'
import { lostPage } from './pages/lost.ts'
import { operatorPage } from './pages/operator.ts'
import { sessionPage } from './pages/session.ts'
import { topUpPage } from './pages/top-up.ts'
import { trustPage } from './pages/trust.ts'
import { SIMULATION_PATH, type Site } from './site.ts'

const PAGES: readonly (readonly [path: RegExp, draw: DrawPage])[] = [
  [/^\/()$/, homePage],
  [/^\/chat()$/, chatPage],
  [/^\/dashboard()$/, dashboardPage],
  [/^\/top-up()$/, topUpPage],
  [/^\/trust()$/, trustPage],
  [/^\/trust\/sessions\/([0-9a-f]{64})$/, sessionPage],
  [/^\/hosts()$/, hostsPage],
  [/^\/operator()$/, operatorPage],
]

const NONCE_BYTES = 18
const MANIFEST_PATH = '/tonconnect-manifest.json'
export const ICON_PATH = '/icon.png'
const YEAR = 'public, max-age=31536000, immutable'
const WANTS_PAGE = /(?:^|,)\s*text\/html\b/

/** What the gateway asks for a page, and lends to draw it. */
export type ServePages = (
  request: Request,
  context: { readonly publicUrl: string; readonly read: (path: string) => Promise<unknown> },
) => Promise<Response | undefined>

/** Answers for a file by its name, or for the icon; undefined when there is none. */
export type ServeFile = (name: string, request: Request) => Promise<Response | undefined>

/** Serves the site with its files from memory. */
export function createPages(
  site: Omit<Site, 'assets'> & { readonly assets: Assets },
  random: Random,
): ServePages {
  const { files, icon } = site.assets
  return servePages(site, random, async (name, request) => {
    const asset = name === ICON_PATH ? icon : files.get(name)
    return asset && assetAnswer(asset, request)
  })
}

/** Serves the site: 1. its files  2. the roots of a simulation  3. its pages  4. to people, a page for what is lost */
export function servePages(site: Site, random: Random, serveFile: ServeFile): ServePages {
  return async (request, { publicUrl, read }) => {
    const url = new URL(request.url)
    if (url.pathname.startsWith(ASSET_PATH)) {
      return serveFile(url.pathname.slice(ASSET_PATH.length), request)
    }
    if (url.pathname === ICON_PATH) return serveFile(ICON_PATH, request)
    if (url.pathname === SIMULATION_PATH && site.simulation !== undefined) {
      return Response.json(site.simulation, { headers: { ...SAFE, 'cache-control': 'no-store' } })
    }
    if (url.pathname === MANIFEST_PATH) return manifestAnswer(publicUrl)
    const nonce = base64url(random(NONCE_BYTES))
    const view = { site, origin: publicUrl, url, read }
    const page = await draw(view, WANTS_PAGE.test(request.headers.get('accept') ?? ''))
    if (page === undefined) return undefined
    const text = await layout({ ...view, page, nonce })
    const headers = pageHeaders(site, nonce, page.connect ?? [])
    return new Response(`${text}`, { status: page.status ?? 200, headers })
  }
}

/** Who asks, as wallets show it. @see https://docs.ton.org, TON Connect manifest */
function manifestAnswer(publicUrl: string): Response {
  const manifest = { url: publicUrl, name: 'Cocoon', iconUrl: `${publicUrl}${ICON_PATH}` }
  // Wallets fetch it from their own origins.
  const headers = { 'x-content-type-options': 'nosniff', 'access-control-allow-origin': '*' }
  return Response.json(manifest, { headers })
}

async function draw(view: Omit<View, 'part'>, isForPerson: boolean): Promise<Page | undefined> {
  const path = view.url.pathname.replace(/(.)\/$/, '$1')
  for (const [pattern, drawPage] of PAGES) {
    const match = pattern.exec(path)
    const page = match === null ? undefined : await drawPage({ ...view, part: match[1] ?? '' })
    if (page !== undefined) return page
  }
  return isForPerson ? lostPage() : undefined
}

function assetAnswer({ type, body, gzip }: Asset, request: Request): Response {
  const packs = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '')
  const headers = { ...assetHeaders(type), vary: 'accept-encoding' }
  return packs
    ? new Response(gzip, { headers: { ...headers, 'content-encoding': 'gzip' } })
    : new Response(body, { headers })
}

/** A file's name holds its hash: it never changes. */
export function assetHeaders(type: string): Readonly<Record<string, string>> {
  return { ...SAFE, 'content-type': type, 'cache-control': YEAR }
}
