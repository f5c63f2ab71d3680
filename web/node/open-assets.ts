import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { copyBytes } from '#base/bytes.ts'
import type { Asset, Assets } from '../assets.ts'
import type { AssetManifest, BuiltAssets } from './build-assets.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.png': 'image/png',
}
const GZIP_LEVEL = 9

/**
 * The page's files: in a checkout bundled now, in an installed package those that were bundled when it was packed.
 * @param root folder of package.json
 */
export async function openAssets(root: string): Promise<Assets> {
  const { manifest, files } = await builtAssets(root)
  const served = [...files].map(([name, bytes]) => [name, assetOf(name, bytes)] as const)
  const byName = new Map(served)
  const icon = byName.get(manifest.icon)
  if (icon === undefined) throw new TypeError('the build has no icon')
  return { ...manifest, icon, files: byName }
}

async function builtAssets(root: string): Promise<BuiltAssets> {
  if (existsSync(join(root, 'web', 'style.css'))) {
    const { buildAssets } = await import('./build-assets.ts')
    return buildAssets(root)
  }
  const folder = join(root, 'dist', 'web')
  // Sound: written by dev/bundle.ts from the same type.
  const { files, ...manifest } = JSON.parse(
    readFileSync(join(folder, 'manifest.json'), 'utf8'),
  ) as AssetManifest & { readonly files: readonly string[] }
  return { manifest, files: new Map(files.map((name) => [name, readFileSync(join(folder, name))])) }
}

function assetOf(name: string, bytes: Uint8Array): Asset {
  return {
    type: TYPES[extname(name)] ?? 'application/octet-stream',
    body: copyBytes(bytes),
    gzip: copyBytes(gzipSync(bytes, { level: GZIP_LEVEL })),
    integrity: `sha256-${createHash('sha256').update(bytes).digest('base64')}`,
  }
}
