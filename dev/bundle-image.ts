/**
 * Builds the one program of the image, dependencies and all: node_modules does not enter a confidential machine.
 *
 * usage: node dev/bundle-image.ts FILE
 */
import { join } from 'node:path'
import { build } from 'esbuild'

const [outfile] = process.argv.slice(2)
if (outfile === undefined) throw new Error('usage: node dev/bundle-image.ts FILE')

await build({
  absWorkingDir: join(import.meta.dirname, '..'),
  entryPoints: ['cli/image-runner.ts'],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // Some dependencies are CommonJS and ask for Node's modules by `require`.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
})
