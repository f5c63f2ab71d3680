import { html, raw } from 'hono/html'
import { ASSET_PATH, type AssetIndex, type Island } from './assets.ts'
import type { Html, Page } from './page.ts'
import { type PageSite, SIMULATION_PATH, type Site } from './site.ts'

const NAVIGATION = [
  ['/chat', 'Chat'],
  ['/dashboard', 'Account'],
  ['/trust', 'Trust'],
  ['/hosts', 'Hosts'],
] as const

/** The whole document around a page. */
export function layout(given: {
  readonly site: Site
  readonly origin: string
  readonly url: URL
  readonly page: Page
  readonly nonce: string
}): Html {
  const { site, origin, url, page, nonce } = given
  const { assets } = site
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title}</title>
<meta name="description" content="${page.description}">
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="${ASSET_PATH}${assets.style}" integrity="${integrity(assets, assets.style)}">
${page.island === undefined ? '' : scripts(assets, page.island, nonce)}
<script type="application/json" id="site">${raw(dataOf(site, origin))}</script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
${site.simulation === undefined ? '' : SIMULATED}
<header class="top">
  <a class="brand" href="/">${MARK}<span>Cocoon</span></a>
  <nav aria-label="Pages">${NAVIGATION.map(([path, name]) => navLink(url, path, name))}</nav>
</header>
<main id="main" tabindex="-1">${page.main}</main>
<footer class="bottom">
  <p>Page <code title="SHA-256 of every file that this page loads">${assets.hash.slice(0, 16)}</code>, served by
    <code>${new URL(origin).host}</code>. Compare it: <code>npx -p cocoon-gateway cocoon page ${origin}</code></p>
  <p><a href="/openapi.yaml">API</a> <a href="/trust">What is proven</a> <a href="/hosts#join">Become a host</a> <a href="/operator">Operator</a></p>
</footer>
</body>
</html>`
}

const SIMULATED = html`<aside class="simulated-bar" aria-label="Development world">
  <strong>Simulated.</strong> A development world: the confidential hardware is pretended, the coins are play money.
  Nothing here protects a secret.
</aside>`

const MARK = html`<svg class="mark" viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5"><ellipse cx="12" cy="12" rx="6.4" ry="9.6" transform="rotate(24 12 12)"/><ellipse cx="12" cy="12" rx="3.9" ry="6.8" transform="rotate(24 12 12)"/><ellipse cx="12" cy="12" rx="1.5" ry="3.6" transform="rotate(24 12 12)"/></svg>`

const ICON =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 24 24%22 fill=%22none%22 stroke=%22%231f7a5c%22 stroke-width=%222%22%3E%3Cellipse cx=%2212%22 cy=%2212%22 rx=%226.4%22 ry=%229.6%22 transform=%22rotate(24 12 12)%22/%3E%3Cellipse cx=%2212%22 cy=%2212%22 rx=%222.6%22 ry=%225%22 transform=%22rotate(24 12 12)%22/%3E%3C/svg%3E'

function navLink(url: URL, path: string, name: string): Html {
  const isHere = url.pathname === path || url.pathname.startsWith(`${path}/`)
  return html`<a href="${path}" ${isHere ? raw('aria-current="page"') : ''}>${name}</a>`
}

function scripts(assets: AssetIndex, island: Island, nonce: string): Html {
  const { entry, needs } = assets.islands[island]
  return html`${needs.map(
    (file) =>
      html`<link rel="modulepreload" href="${ASSET_PATH}${file}" integrity="${integrity(assets, file)}" nonce="${nonce}">`,
  )}
<script type="module" src="${ASSET_PATH}${entry}" integrity="${integrity(assets, entry)}" nonce="${nonce}"></script>`
}

function integrity(assets: AssetIndex, file: string): string {
  return assets.files.get(file)?.integrity ?? ''
}

/** Inside a script element only `<` could end it. */
function dataOf(site: Site, origin: string): string {
  const data: PageSite = {
    page: site.assets.hash,
    origin,
    ticker: site.ticker,
    registry: site.registry,
    endpoints: site.endpoints,
    explorer: site.explorer ?? null,
    simulation: site.simulation === undefined ? null : SIMULATION_PATH,
  }
  return JSON.stringify(data).replaceAll('<', '\\u003c')
}
