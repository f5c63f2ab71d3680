import { equalBytes } from '#base/bytes.ts'
import { readBounded } from '#base/read-bounded.ts'
import { ASSET_PATH, type Assets } from '#web/assets.ts'

/** Larger than any file of a build. */
const MAX_FILE_BYTES = 16 * 1_048_576
/** Every page that runs code. */
const PAGES = ['/', '/chat', '/dashboard', '/top-up', '/trust', '/hosts', '/operator']
const SCRIPT = /<script\b([^>]*)>([^<]*)/g
const LINK = /<link\b([^>]*)>/g
/** What a page could run code by, besides script elements. */
const INLINE = /<[^>]*\son[a-z]+\s*=|javascript:/i

/** Nothing was compared: mend the address, or try again. */
export class PageUnreachable extends Error {
  override readonly name = 'PageUnreachable'
}

/** How what a gateway serves differs from a build; empty when it does not. @throws PageUnreachable */
export async function comparePage(given: {
  readonly origin: string
  readonly assets: Assets
  readonly fetch: typeof fetch
}): Promise<readonly string[]> {
  const { origin, assets, fetch } = given
  const differences: string[] = []
  for (const [name, { body }] of assets.files) {
    const served = await read(fetch, `${origin}${ASSET_PATH}${name}`)
    if (served === undefined) differences.push(`${name}: not served`)
    else if (!equalBytes(served, body)) differences.push(`${name}: another file`)
  }
  for (const path of PAGES) {
    const served = await read(fetch, `${origin}${path}`)
    const html = served === undefined ? undefined : new TextDecoder().decode(served)
    if (html === undefined) differences.push(`${path}: not served`)
    else differences.push(...strangers(html, assets).map((what) => `${path}: ${what}`))
  }
  return differences
}

/** Code and styles of a page that are not of the build. */
function strangers(html: string, assets: Assets): readonly string[] {
  const scripts = [...html.matchAll(SCRIPT)].flatMap(([, attributes = '', text = '']) => {
    if (attributes.includes('type="application/json"')) return []
    if (text.trim() !== '') return ['a script of its own']
    return isOurs(attributes, assets) ? [] : [`loads ${/src="([^"]*)"/.exec(attributes)?.[1]}`]
  })
  const links = [...html.matchAll(LINK)].flatMap(([, attributes = '']) => {
    if (!/rel="(?:stylesheet|modulepreload|preload)"/.test(attributes)) return []
    return isOurs(attributes, assets) ? [] : [`loads ${/href="([^"]*)"/.exec(attributes)?.[1]}`]
  })
  return [...scripts, ...links, ...(INLINE.test(html) ? ['runs code by an attribute'] : [])]
}

function isOurs(attributes: string, assets: Assets): boolean {
  const url = /(?:src|href)="([^"]*)"/.exec(attributes)?.[1] ?? ''
  const asset = url.startsWith(ASSET_PATH)
    ? assets.files.get(url.slice(ASSET_PATH.length))
    : undefined
  return asset !== undefined && attributes.includes(`integrity="${asset.integrity}"`)
}

async function read(fetch_: typeof fetch, url: string): Promise<Uint8Array | undefined> {
  let response: Response
  try {
    response = await fetch_(url, { headers: { accept: 'text/html,*/*' }, redirect: 'error' })
  } catch (cause) {
    const what = `${url} does not answer, or only leads elsewhere: is it the gateway’s own address?`
    throw new PageUnreachable(what, { cause })
  }
  return response.ok ? readBounded(response, MAX_FILE_BYTES) : undefined
}
