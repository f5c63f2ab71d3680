import { defineConfig } from 'vitest/config'

/** Minutes each: left out of the sample that runs with every change (`DEEP=sample`). */
const SLOWEST = [
  'contracts/mutation.deep.test.ts',
  'contracts/till-full.deep.test.ts',
  'gateway/money/crash.deep.test.ts',
  'gateway/money/scan.deep.test.ts',
  'gateway/node/kill.deep.test.ts',
  'tests/chaos/kills.deep.test.ts',
  'tests/flows/crowd.deep.test.ts',
  'tests/fuzz/fuzz.deep.test.ts',
  'tests/simulation/guards.deep.test.ts',
  'tests/simulation/simulation.deep.test.ts',
]

const isSample = process.env['DEEP'] === 'sample'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'deep',
          include: ['**/*.deep.test.ts'],
          exclude: ['node_modules/**', ...(isSample ? SLOWEST : [])],
          setupFiles: ['tests/support/temporary.setup.ts', 'tests/support/openapi/record.setup.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
        },
      },
      {
        // Flows that are quick on Node, with the gateway on workerd.
        test: {
          name: 'workerd',
          include: isSample
            ? ['tests/flows/{exit,page-chat}.test.ts']
            : ['tests/flows/{exit,page-{account,chat,trust,quality,wallet}}.test.ts'],
          env: { COCOON_PLATFORM: 'workerd' },
          setupFiles: ['tests/support/temporary.setup.ts', 'tests/support/openapi/record.setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
