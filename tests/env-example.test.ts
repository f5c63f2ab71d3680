import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { envExample } from '#dev/env-example.ts'

test('.env.example names every setting with its present meaning and default', () => {
  const written = readFileSync(join(import.meta.dirname, '..', '.env.example'), 'utf8')
  expect(written, 'run: node dev/write-env-example.ts').toBe(envExample())
})
