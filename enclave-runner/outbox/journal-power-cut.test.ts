import { execFileSync } from 'node:child_process'
import { fstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openJournal } from './journal.ts'

/** What a power cut would find on the disk cannot be had here: what was told to the disk can. */
const synced = vi.hoisted(() => ({ tell: (_: number): void => {} }))
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  return {
    ...fs,
    fsyncSync: (fd: number) => {
      fs.fsyncSync(fd)
      synced.tell(fd)
    },
  }
})

let folder: string
/** What the journal's name stood for, whenever its folder was synced. */
let found: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'))
  found = []
  synced.tell = (fd) => {
    if (fstatSync(fd).ino !== statSync(folder).ino) return
    found.push(readFileSync(join(folder, 'outbox'), 'utf8'))
  }
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test.skipIf(process.platform === 'win32')(
  'a file that is new, or takes the place of another, has its name on the disk before lines follow',
  async () => {
    const { journal } = openJournal(join(folder, 'outbox'))
    expect(found).toEqual([''])
    journal.append(['first'])
    journal.rewrite(['second'])
    expect(found).toEqual(['', 'second\n'])
    await journal.close()
  },
)

test.skipIf(process.platform === 'win32')(
  'a rewrite that finds the disk full leaves the file as it was, and nothing behind',
  () => {
    const script = `
      import { readdirSync } from 'node:fs'
      import { openJournal } from ${JSON.stringify(join(import.meta.dirname, 'journal.ts'))}
      const { journal } = openJournal(${JSON.stringify(join(folder, 'outbox'))})
      journal.append(['first'])
      const open = () => readdirSync('/proc/self/fd').length
      const before = open()
      let code
      try { journal.rewrite(['x'.repeat(4096)]) } catch (error) { code = error.code }
      if (code !== 'EFBIG') throw new Error('the limit did not bite: ' + code)
      if (open() > before) throw new Error('it left a file open')
      journal.append(['second'])
      await journal.close()`
    const node = [process.execPath, '--input-type=module', '-e', script]
    execFileSync('bash', ['-c', 'ulimit -S -f 1; exec "$@"', 'bash', ...node])
    expect(readdirSync(folder)).toEqual(['outbox'])
    expect(readFileSync(join(folder, 'outbox'), 'utf8')).toBe('first\nsecond\n')
  },
)
