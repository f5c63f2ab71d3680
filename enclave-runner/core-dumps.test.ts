import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const MODULE = join(import.meta.dirname, 'core-dumps.ts')

/** What a process of its own, with dumps allowed as far as this one may, finds of itself. */
function limitOf(code: string): string {
  const node = [process.execPath, '--input-type=module', '-e', code]
  return execFileSync('/usr/bin/prlimit', ['--core=4096:', ...node]).toString()
}

const READ = `
import { readFileSync } from 'node:fs'
const limits = () => /^Max core file size +(\\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))[1]`

test('a process that was told has none, whatever its limit was before (M18)', () => {
  expect(limitOf(`${READ}; console.log(limits())`).trim()).toBe('4096')
  const said = limitOf(
    `${READ}; import { stopCoreDumps } from ${JSON.stringify(MODULE)}
    const facts = stopCoreDumps(true); console.log(JSON.stringify({ ...facts, limit: limits() }))`,
  )
  expect(JSON.parse(said)).toMatchObject({
    coreDumps: 'off',
    swap: expect.stringMatching(/^(?:none|present)$/),
    limit: '0',
  })
})
