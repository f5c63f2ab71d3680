import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleWorker } from './bundle-worker.ts'

/** What `wrangler deploy` uploads: the very bundle that the tests run. */
const folder = join(import.meta.dirname, '..', '..', 'dist', 'worker')
const { code, gzipBytes } = await bundleWorker()
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'worker.js'), code)
process.stdout.write(`dist/worker/worker.js: ${gzipBytes} bytes compressed\n`)
