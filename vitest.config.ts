import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: ['**/*.test.ts'],
          exclude: ['node_modules/**', '**/*.worker.test.ts', '**/*.deep.test.ts', '.cocoon/**'],
          // Every answer of a gateway is held to openapi.yaml: see tests/README.md.
          globalSetup: ['tests/support/openapi/report.global.ts'],
          setupFiles: ['tests/support/openapi/record.setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // The same rules inside workerd, over a Durable Object's SQLite.
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
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
