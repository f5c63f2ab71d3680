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
import { declareTypes } from './declare-types.ts'

const ROOT = join(import.meta.dirname, '..')
/** Run by our own Node. */
const COMMANDS = { cocoon: 'cli/main.ts', runner: 'enclave-runner/main.ts' } as const
/** Threads that a command starts by their files. */
const THREADS = {
  'postgres-wire': 'gateway/postgres/wire-thread.ts',
  'postgres-ledger': 'gateway/postgres/ledger-thread.ts',
  'postgres-office': 'gateway/postgres/office/main.ts',
} as const
/** Runs anywhere: browsers, Workers, Deno, Bun and Node. */
const LIBRARY = { client: 'client/index.ts' } as const

/** What only a checkout has; commands that need it say so. */
const CHECKOUT_ONLY = ['#dev/*', '#bench/*']

const manifest: {
  dependencies: Record<string, string>
  imports: Record<string, string>
} = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

const outdir = process.argv[2] ?? join(ROOT, 'dist')
rmSync(outdir, { recursive: true, force: true })
const packages = Object.keys(manifest.dependencies).flatMap((name) => [name, `${name}/*`])
const shared = {
  absWorkingDir: ROOT,
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  sourcemap: 'linked',
  logLevel: 'warning',
} as const
await build({
  ...shared,
  entryPoints: { ...COMMANDS, ...THREADS },
  platform: 'node',
  target: 'node24',
  external: [...packages, ...CHECKOUT_ONLY, 'esbuild'],
})
await build({
  ...shared,
  entryPoints: LIBRARY,
  chunkNames: 'client-[hash]',
  platform: 'browser',
  target: 'es2024',
  external: packages,
})

const { manifest: page, files } = await buildAssets(ROOT)
mkdirSync(join(outdir, 'web'))
for (const [name, bytes] of files) writeFileSync(join(outdir, 'web', name), bytes)
const listed = { ...page, files: [...files.keys()] }
writeFileSync(join(outdir, 'web', 'manifest.json'), JSON.stringify(listed))

declareTypes({
  root: ROOT,
  entry: LIBRARY.client,
  outdir: join(outdir, 'types'),
  imports: manifest.imports,
})
