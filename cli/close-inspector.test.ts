import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const MODULE = join(import.meta.dirname, 'close-inspector.ts')
/** Tells on which address a debugger listens, each time it is asked for by a line. */
const TELL = `
  const { url } = await import('node:inspector')
  process.stdin.on('data', () => console.log(String(url())))
  console.log('ready')
`
const CLOSED = `(await import(${JSON.stringify(MODULE)})).closeInspector(process.env);`

/** What listens after SIGUSR1, in a process that runs this. */
async function listening(script: string, env: object, ...flags: string[]): Promise<string> {
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', script], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  })
  const says = async () => String((await once(child.stdout, 'data'))[0]).trim()
  expect(await says()).toBe('ready')
  child.kill('SIGUSR1')
  // Signals are handled in their order: a second one that is seen means that the first was.
  child.stdin.write('?\n')
  await says()
  child.stdin.write('?\n')
  const told = await says()
  child.kill('SIGKILL')
  return told
}

test('a signal opens no debugger, and production closes one that is open (M18)', async () => {
  expect(await listening(CLOSED + TELL, { NODE_ENV: '' })).toBe('undefined')
  expect(await listening(CLOSED + TELL, { NODE_ENV: 'production' }, '--inspect=0')).toBe(
    'undefined',
  )
  expect(await listening(CLOSED + TELL, { NODE_ENV: '' }, '--inspect=0')).toMatch(/^ws:/)
})

test('without it a debugger is what the test finds', async () => {
  expect(await listening(TELL, { NODE_ENV: 'production' }, '--inspect=0')).toMatch(/^ws:/)
})
