import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/**
 * Packs the package as npm would, installs the tarball into an empty project and runs it. Its dependencies are
 * linked from this checkout, so that the test needs no network.
 */
const ROOT = join(import.meta.dirname, '..')
const project = mkdtempSync(join(tmpdir(), 'cocoon-pack-'))
const installed = join(project, 'node_modules', 'cocoon-gateway')

function cocoon(...args: string[]): { code: number | null; out: string; err: string } {
  const result = spawnSync(process.execPath, [join(installed, 'cli/cocoon.mjs'), ...args], {
    cwd: project,
    encoding: 'utf8',
  })
  return { code: result.status, out: result.stdout, err: result.stderr }
}

beforeAll(() => {
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', project], {
    cwd: ROOT,
  })
  const text = packed.toString()
  const { filename } = JSON.parse(text.slice(text.indexOf('[')))[0]
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', join(project, filename), '-C', installed, '--strip-components=1'])
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  for (const name of Object.keys(manifest.dependencies)) {
    const at = join(project, 'node_modules', name)
    mkdirSync(join(at, '..'), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), at)
  }
}, 180_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

describe('the npm package', () => {
  test('carries its bundles and migrations, and no test, key or source of the checkout', () => {
    const files = readdirSync(installed, { recursive: true }).map(String)
    expect(files).toContain('dist/cocoon.js')
    expect(files).toContain('openapi.yaml')
    expect(files.some((file) => file.startsWith('migrations/') && file.endsWith('.sql'))).toBe(true)
    expect(files.filter((file) => /\.test\.|\.env$|^dev\/|^tests\//.test(file))).toEqual([])
  })

  test('runs its commands outside a checkout', () => {
    const help = cocoon('--help')
    expect(help.code).toBe(0)
    expect(help.out).toMatch(/cocoon <command>/)
    expect(cocoon('no-such-command').code).toBe(2)
    const made = cocoon('keys', 'new', '--out', 'account.json')
    expect(made.code).toBe(0)
    expect(made.out).toMatch(/^account {2}[0-9A-HJKMNP-TV-Z]{32}$/m)
    expect(cocoon('keys', 'show', 'account.json').code).toBe(0)
    // A file that may hold the only copy of a recovery key is never overwritten.
    expect(cocoon('keys', 'new', '--out', 'account.json').code).not.toBe(0)
  })

  test('its client bundle imports and exports connect', () => {
    const script = "import('cocoon-gateway/client').then((m) => console.log(typeof m.connect))"
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: project,
      encoding: 'utf8',
    })
    expect(run.stdout.trim()).toBe('function')
  })

  test('says that the development world comes with the checkout', () => {
    const run = cocoon('dev')
    expect(run.code).toBe(2)
    expect(run.err).toMatch(/checkout/)
  })
})
