import { availableParallelism } from 'node:os'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

/** A gateway of nobody: no chain answers it. */
const TEST_SETTINGS = {
  GATEWAY_ENV: 'development',
  PUBLIC_URL: 'http://127.0.0.1:8787',
  GATEWAY_SECRET: '5e'.repeat(32),
  TON_ENDPOINT: 'http://127.0.0.1:9/',
  REGISTRY_ADDRESS: `0:${'11'.repeat(32)}`,
  ADMIN_KEY: 'an-operator-key-of-the-tests',
}

export default defineConfig({
  test: {
    // Many tests wait for timers and other processes: two cores serve two files at once.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: 'node',
          include: ['**/*.test.ts'],
          exclude: ['node_modules/**', '**/*.worker.test.ts', '**/*.deep.test.ts', '.cocoon/**'],
          // Every answer of a gateway is held to openapi.yaml: see tests/README.md.
          globalSetup: ['tests/support/openapi/report.global.ts'],
          setupFiles: ['tests/support/temporary.setup.ts', 'tests/support/openapi/record.setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // The same flows, with the gateway on workerd.
        test: {
          name: 'workerd',
          include: ['tests/flows/{main-job,sealed,money,under-load,operations}.test.ts'],
          env: { COCOON_PLATFORM: 'workerd' },
          globalSetup: ['tests/support/openapi/report.global.ts'],
          setupFiles: ['tests/support/temporary.setup.ts', 'tests/support/openapi/record.setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // The same rules inside workerd, over a Durable Object's SQLite.
        plugins: [
          cloudflareTest({
            main: './gateway/worker.ts',
            wrangler: { configPath: './wrangler.toml' },
            miniflare: { bindings: TEST_SETTINGS },
          }),
        ],
        test: {
          name: 'worker',
          include: ['**/*.worker.test.ts'],
          exclude: ['node_modules/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
