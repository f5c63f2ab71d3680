import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openJournal } from './journal.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** In a process whose files may grow to 1 KiB: the kernel takes a part of a line and refuses the rest, as a full disk does. */
function writeUnderLimit(path: string, before: string): void {
  const script = `
    import { execFileSync } from 'node:child_process'
    import { openJournal } from ${JSON.stringify(join(import.meta.dirname, 'journal.ts'))}
    const { journal } = openJournal(${JSON.stringify(path)})
    ${before}
    journal.append(['first'])
    let code
    try { journal.append(['x'.repeat(4096)]) } catch (error) { code = error.code }
    if (code !== 'EFBIG') throw new Error('the limit did not bite: ' + code)
    execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited'])
    journal.append(['second'])
    await journal.close()`
  const node = [process.execPath, '--input-type=module', '-e', script]
  execFileSync('bash', ['-c', 'ulimit -S -f 1; exec "$@"', 'bash', ...node])
}

test.each([
  ['a file that was opened', ''],
  ['a file that was rewritten', "journal.rewrite(['zeroth'])"],
])('a line that a full disk cut off spoils no later one: %s', async (_, before) => {
  const path = join(folder, 'outbox')
  writeUnderLimit(path, before)
  const { journal, lines } = openJournal(path)
  await journal.close()
  expect(lines.slice(-2)).toEqual(['first', 'second'])
})
