import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { afterEach, inject } from 'vitest'
import { createChecker } from './check-exchange.ts'
import { readDescription } from './description.ts'
import { observe } from './observe.ts'

/**
 * Runs in every test file: each answer of a gateway that the file's tests get, by whatever HTTP client, is held to
 * `openapi.yaml`. A test whose answer breaks the description fails and says where.
 */
const REQUEST_ID = /^req_[0-9a-f]{32}$/

const check = createChecker(readDescription())
const problems = new Set<string>()
const recorded = new Set<string>()
const folder = inject('openapiRecord')
const file = folder === undefined ? undefined : join(folder, `${process.pid}-${threadId}`)

observe(
  (headers) => REQUEST_ID.test(headers.get('x-request-id') ?? ''),
  (exchange) => {
    const finding = check(exchange)
    for (const problem of finding.problems) problems.add(problem)
    for (const name of finding.exercised) {
      if (recorded.has(name) || file === undefined) continue
      recorded.add(name)
      appendFileSync(file, `${name}\n`)
    }
  },
)

afterEach(() => {
  if (problems.size === 0) return
  const told = [...problems]
  problems.clear()
  throw new Error(`answers that openapi.yaml does not describe:\n  ${told.join('\n  ')}`)
})
