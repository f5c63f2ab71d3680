import type { AssetManifest } from './assets.ts'
import { assetHeaders, ICON_PATH, type ServePages, servePages } from './serve.ts'
import { explorerOf, type PagesOptions } from './site.ts'

/** Where the build wrote what pages name of its files. */
export const MANIFEST_FILE = 'manifest.json'

/** A binding to the files of a build; only its paths count. */
export interface Files {
  fetch(request: Request): Promise<Response>
}

/** The pages of a gateway on Workers, whose files are static assets beside the bundle. */
export async function openWorkerPages(
  files: Files,
  options: Omit<PagesOptions, 'root'>,
): Promise<ServePages> {
  const { registry, endpoints, network, simulation } = options
  const found = await fileOf(files, MANIFEST_FILE)
  // Sound: written by dev/workerd/write-assets.ts from the same type.
  const { icon, ...manifest } = (await found.json()) as AssetManifest
  const assets = { ...manifest, files: new Map(Object.entries(manifest.files)) }
  const site = {
    assets,
    ticker: 'TON',
    registry,
    endpoints,
    explorer: explorerOf(network),
    simulation,
  }
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  return servePages(site, random, async (name) => {
    const file = name === ICON_PATH ? icon : name
    const type = assets.files.get(file)?.type
    if (type === undefined) return undefined
    const { body } = await fileOf(files, file)
    return new Response(body, { headers: assetHeaders(type) })
  })
}

async function fileOf(files: Files, name: string): Promise<Response> {
  const answer = await files.fetch(new Request(`https://assets.local/${name}`))
  if (!answer.ok) throw new TypeError(`the page’s file ${name} is missing: ${answer.status}`)
  return answer
}
