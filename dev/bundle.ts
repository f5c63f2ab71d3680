/**
 * Builds what npm publishes: dist/cocoon.js (the commands), dist/client.js, dist/runner.js and the page in dist/web. Dependencies stay
 * outside; our own code is bundled because Node does not strip types inside node_modules.
 *
 * usage: node dev/bundle.ts [output folder]
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { buildAssets } from '#web/node/build-assets.ts'

const ROOT = join(import.meta.dirname, '..')
const ENTRIES = {
  cocoon: 'cli/main.ts',
  client: 'client/index.ts',
  runner: 'enclave-runner/main.ts',
} as const

/** What only a checkout has; commands that need it say so. */
const CHECKOUT_ONLY = ['#dev/*', '#bench/*']

const manifest: { dependencies: Record<string, string> } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
)

const outdir = process.argv[2] ?? join(ROOT, 'dist')
rmSync(outdir, { recursive: true, force: true })
await build({
  absWorkingDir: ROOT,
  entryPoints: ENTRIES,
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: 'linked',
  external: [
    ...Object.keys(manifest.dependencies).flatMap((name) => [name, `${name}/*`]),
    ...CHECKOUT_ONLY,
    'esbuild',
  ],
  logLevel: 'warning',
})

const { manifest: page, files } = await buildAssets(ROOT)
mkdirSync(join(outdir, 'web'))
for (const [name, bytes] of files) writeFileSync(join(outdir, 'web', name), bytes)
const listed = { ...page, files: [...files.keys()] }
writeFileSync(join(outdir, 'web', 'manifest.json'), JSON.stringify(listed))
