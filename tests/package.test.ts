import { execFileSync, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildAssets } from '#web/node/build-assets.ts'

/**
 * Packs the package as npm would, installs the tarball into an empty project and runs it. Its dependencies are
 * linked from this checkout, so that the test needs no network.
 */
const ROOT = join(import.meta.dirname, '..')
const project = mkdtempSync(join(tmpdir(), 'cocoon-pack-'))
const installed = join(project, 'node_modules', 'cocoon-gateway')

/** Static and dynamic imports of a bundle. */
const IMPORT = /(?:^|\n)(?:import|export)[^'"\n]*?from ?"([^"]+)"|import\("([^"]+)"\)/g

const CONSUMER = `import OpenAI from 'openai'
import { ClientError, type Connection, connect, type Verification } from 'cocoon-gateway/client'

const cocoon: Connection = await connect({
  baseURL: 'https://gateway.example/v1',
  registry: { endpoints: ['https://a.example/jsonRPC', 'https://b.example/jsonRPC'] },
  onReceipt: ({ cost, usage }) => console.log(cost + 1n, usage.prompt_tokens.toFixed()),
})
const openai = new OpenAI({ baseURL: cocoon.baseURL, fetch: cocoon.fetch, apiKey: 'sk-coc-…' })
const { status, runners }: Verification = cocoon.verification
const technology: string | undefined = runners[0]?.technology
console.log(openai, status, technology)
try {
  await cocoon.fetch('https://gateway.example/v1/models')
} catch (error) {
  if (error instanceof ClientError && error.code === 'evidence_refused') console.log(error.status)
}
await connect({ baseURL: 7 })
`

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
  for (const name of [...Object.keys(manifest.dependencies), 'openai']) {
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

  test('its client runs without any module of Node', () => {
    const dist = join(installed, 'dist')
    const seen = new Set<string>()
    const imported = (file: string): string[] => {
      if (seen.has(file)) return []
      seen.add(file)
      const found = [...readFileSync(join(dist, file), 'utf8').matchAll(IMPORT)]
      const names = found.map(([, from, later]) => from ?? later ?? '')
      return names.flatMap((name) => (name.startsWith('./') ? imported(name.slice(2)) : [name]))
    }
    const names = imported('client.js')
    expect(names).toContain('hpke')
    expect(names.filter((name) => name.startsWith('node:') || isBuiltin(name))).toEqual([])
  })

  test.each([
    ['NodeNext', 'NodeNext'],
    ['ESNext', 'Bundler'],
  ])('its client is typed for strict consumers: module %s, resolution %s', (module, how) => {
    const file = `${how}.ts`
    writeFileSync(join(project, file), CONSUMER)
    const compilerOptions = {
      ...{ module, moduleResolution: how, target: 'ES2022', noEmit: true, strict: true },
      ...{ exactOptionalPropertyTypes: true, types: [], lib: ['ES2024', 'DOM', 'DOM.Iterable'] },
    }
    const config = join(project, `tsconfig.${how}.json`)
    writeFileSync(config, JSON.stringify({ compilerOptions, files: [file] }))
    writeFileSync(join(project, 'package.json'), '{"type":"module"}')
    const run = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', config], { encoding: 'utf8' })
    // The one mistake that the consumer makes on purpose, and nothing in our declarations.
    expect(run.stdout.trim().split('\n')).toEqual([expect.stringMatching(/TS2345|TS2322/)])
    expect(run.stdout).toContain(`${file}(${CONSUMER.split('\n').length - 1},`)
  })

  test('carries the page, and says the hash that a checkout builds', async () => {
    const { manifest } = await buildAssets(ROOT)
    expect(cocoon('page').out).toMatch(new RegExp(`^page {2}${manifest.hash}$`, 'm'))
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
