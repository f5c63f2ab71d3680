import { beforeAll, expect, test } from 'vitest'
import { bundleWorker, type WorkerBundle } from './bundle-worker.ts'

/** Cloudflare takes 3 MB on the free plan and 10 on the paid one; start-up time grows with size. */
const MAX_GZIP_BYTES = 1_048_576

let bundle: WorkerBundle
beforeAll(async () => {
  bundle = await bundleWorker()
})

test('the Worker’s bundle stays below 1 MiB compressed', () => {
  expect(bundle.gzipBytes).toBeLessThanOrEqual(MAX_GZIP_BYTES)
  expect(bundle.gzipBytes).toBeGreaterThan(100_000)
})

test('it asks its runtime for nothing that nodejs_compat does not give', () => {
  expect(bundle.imports).toEqual(['cloudflare:workers', 'crypto', 'node:crypto'])
})

test('nothing of Node, of the runner, of a client or of development is inside', () => {
  const files = Object.keys(bundle.inputs)
  const foreign =
    /^(?:gateway\/node[/.]|enclave-runner\/|client\/|dev\/|cli\/(?!worker\.ts)|tests\/)|\/testing\/|node_modules\/(?:undici|better-sqlite3|pino|prom-client|@hono\/node-server)\//
  expect(files.filter((file) => foreign.test(file))).toEqual([])
  // A list that matched nothing would prove nothing.
  expect(files).toContain('gateway/inference/serve-plain.ts')
})
