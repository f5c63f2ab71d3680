import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build, type OutputFile } from 'esbuild'
import { ISLANDS, type Island } from '../assets.ts'

/** What a build yields, and what `dist/web/manifest.json` says of it. */
export interface AssetManifest {
  readonly islands: Readonly<
    Record<Island, { readonly entry: string; readonly needs: readonly string[] }>
  >
  readonly style: string
  readonly icon: string
  readonly hash: string
}

export interface BuiltAssets {
  readonly manifest: AssetManifest
  readonly files: ReadonlyMap<string, Uint8Array>
}

const OUT = 'unwritten'

/**
 * Bundles the islands and the stylesheet. The same sources give the same bytes wherever the checkout lies: no path of
 * the machine, no time and no source map is in them.
 * @param root folder of the checkout
 */
export async function buildAssets(root: string): Promise<BuiltAssets> {
  const sources = ISLANDS.map((island) => [island, sourceOf(root, island)] as const)
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: { ...Object.fromEntries(sources), style: 'web/style.css', icon: 'web/icon.png' },
    loader: { '.png': 'copy' },
    entryNames: '[name]-[hash]',
    chunkNames: 'part-[hash]',
    outdir: OUT,
    bundle: true,
    splitting: true,
    // Where a package really lies must not show in the bytes.
    preserveSymlinks: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
  })
  const outputs = Object.entries(metafile.outputs)
  const fileOf = (source: string): string =>
    basename(outputs.find(([, { entryPoint }]) => entryPoint === source)?.[0] ?? '')
  const needsOf = (file: string): readonly string[] =>
    (metafile.outputs[`${OUT}/${file}`]?.imports ?? [])
      .filter(({ kind }) => kind === 'import-statement')
      .map(({ path }) => basename(path))
  const islands = sources.map(([island, source]) => {
    const entry = fileOf(source)
    return [island, { entry, needs: [...new Set(needsOf(entry))] }]
  })
  const files = new Map(outputFiles.map((file) => [basename(file.path), file.contents]))
  // Sound: one entry for each name of ISLANDS.
  const byIsland = Object.fromEntries(islands) as AssetManifest['islands']
  const manifest = {
    islands: byIsland,
    style: fileOf('web/style.css'),
    icon: [...files.keys()].find((name) => name.endsWith('.png')) ?? '',
    hash: hashOf(outputFiles),
  }
  return { manifest, files }
}

function sourceOf(root: string, island: Island): string {
  const path = `web/islands/${island}`
  return existsSync(join(root, `${path}.tsx`)) ? `${path}.tsx` : `${path}.ts`
}

function hashOf(files: readonly OutputFile[]): string {
  const lines = files.map(({ path, contents }) => {
    const digest = createHash('sha256').update(contents).digest('hex')
    return `${digest}  ${basename(path)}\n`
  })
  return createHash('sha256').update(lines.sort().join('')).digest('hex')
}
