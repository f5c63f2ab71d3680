import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleWorker } from './bundle-worker.ts'
import { writeAssets } from './write-assets.ts'

/** What `wrangler deploy` uploads: the very bundle that the tests run. */
const root = join(import.meta.dirname, '..', '..')
const folder = join(root, 'dist', 'worker')
const { code, gzipBytes } = await bundleWorker()
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'worker.js'), code)
await writeAssets(root, join(root, 'dist', 'worker-assets'))
process.stdout.write(`dist/worker/worker.js: ${gzipBytes} bytes compressed\n`)
