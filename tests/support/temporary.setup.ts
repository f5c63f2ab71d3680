import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** What a test file, or a process that it starts, leaves among the temporary files goes with it. */
const before = process.env['TMPDIR']
const folder = mkdtempSync(join(tmpdir(), 'cocoon-test-'))
// An engine that is another user reads its program there.
chmodSync(folder, 0o755)
process.env['TMPDIR'] = folder

// Registered before any other, so that it runs after them.
afterAll(() => {
  if (before === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = before
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
})
