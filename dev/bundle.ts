/**
 * Builds what npm publishes: dist/cocoon.js (the commands), dist/client.js and dist/runner.js. Dependencies stay
 * outside; our own code is bundled because Node does not strip types inside node_modules.
 *
 * usage: node dev/bundle.ts [output folder]
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

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
  ],
  logLevel: 'warning',
})
