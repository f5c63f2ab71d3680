import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

/**
 * The design's walls. A folder may import itself, what its row lists, and nothing else; every row says why,
 * so that a failure explains itself.
 */
const ROOT = join(import.meta.dirname, '..')

interface Rule {
  readonly folders: readonly string[]
  readonly packages: readonly string[]
  /** Files, by prefix, that may import `node:*` modules. An empty list keeps the folder portable. */
  readonly node: readonly string[]
  readonly why: string
}

const ANY = ['*']

const RULES: Readonly<Record<string, Rule>> = {
  base: { folders: [], packages: [], node: [], why: 'leaves that run everywhere' },
  protocol: {
    folders: ['base'],
    packages: ['hpke', '@panva/hpke-noble', '@noble/hashes'],
    node: ['protocol/node.ts', 'protocol/node/'],
    why: 'what two parties agree on; runs in browsers and Workers, its Node fast path stands apart',
  },
  attestation: {
    folders: ['base'],
    packages: ['jose'],
    node: [],
    why: 'a verifier that depends on no transport, no clock and no runtime',
  },
  contracts: {
    folders: ['base'],
    packages: ['@ton/core', '@ton/tolk-js'],
    node: ['contracts/compile.ts'],
    why: 'cells and wrappers; only the compiler touches files',
  },
  client: {
    folders: ['base', 'protocol', 'attestation', 'contracts'],
    packages: [],
    node: ['client/proxy/'],
    why: 'a client that trusts nobody must not contain the gateway',
  },
  'enclave-runner': {
    folders: ['base', 'protocol', 'attestation'],
    packages: ['undici'],
    node: ANY,
    why: 'the trusted base inside the enclave stays small and knows no gateway code',
  },
  gateway: {
    folders: ['base', 'protocol', 'attestation', 'contracts', 'migrations', 'openapi'],
    packages: [
      'hono',
      '@hono/node-server',
      'drizzle-orm',
      'better-sqlite3',
      'sodium-native',
      'pg',
      'zod',
      'jose',
      'pino',
      'prom-client',
      'undici',
      '@ton/core',
      '@ton/ton',
      '@ton/crypto',
      'cloudflare:workers',
    ],
    node: ['gateway/node.ts', 'gateway/node/', 'gateway/postgres/'],
    why: 'one app for Node and Workers: platform code lives in gateway/node, gateway/postgres and gateway/worker',
  },
  web: {
    folders: ['base', 'protocol', 'attestation', 'client', 'contracts'],
    // preact, uplot, uqr and TON Connect end up in the browser's bundles; esbuild makes those, in a checkout only.
    packages: ['hono', 'preact', 'uplot', 'uqr', '@tonconnect/sdk', 'esbuild'],
    node: ['web/node.ts', 'web/node/'],
    why: 'the page runs in a browser and trusts the gateway no more than any client does',
  },
  dev: {
    folders: [
      'base',
      'protocol',
      'attestation',
      'contracts',
      'client',
      'enclave-runner',
      'gateway',
      'web',
    ],
    packages: ANY,
    node: ANY,
    why: 'the development world plays every part, but nothing in production may need it',
  },
  cli: { folders: ANY, packages: ANY, node: ANY, why: 'the entry may import everything' },
  tests: { folders: ANY, packages: ANY, node: ANY, why: 'tests cross folders' },
  bench: { folders: ANY, packages: ANY, node: ANY, why: 'benches cross folders' },
  examples: { folders: ['client'], packages: ANY, node: ANY, why: 'examples use what users have' },
}

/** Who may use other folders' `testing/`. */
const TEST_FOLDERS: ReadonlySet<string> = new Set(['tests', 'bench', 'dev'])

interface Import {
  readonly file: string
  readonly specifier: string
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"()]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/g

function sourceFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts', '*.tsx'], {
    cwd: ROOT,
  })
  return listed
    .toString()
    .split('\n')
    .filter((file) => file.includes('/') && existsSync(join(ROOT, file)))
}

function importsOf(file: string): Import[] {
  const source = readFileSync(join(ROOT, file), 'utf8')
  return [...source.matchAll(IMPORT)].map((match) => ({
    file,
    specifier: match[1] ?? match[2] ?? match[3] ?? '',
  }))
}

const allows = (list: readonly string[], name: string): boolean =>
  list === ANY || list.includes(name)

function packageName(specifier: string): string {
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}

/** Why this import breaks a wall, or undefined when it does not. */
function violation({ file, specifier }: Import): string | undefined {
  const folder = file.split('/')[0] ?? ''
  const rule = RULES[folder]
  if (rule === undefined) return `${folder}/ has no row in the layering table`
  const isTest = /\.test\.ts$|\/testing\//.test(file)
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(file), specifier)).split('/')[0] ?? ''
    return target === folder
      ? undefined
      : `crosses into ${target}/ by a relative path; use #${target}`
  }
  if (specifier.startsWith('#')) {
    const target = specifier.slice(1).split('/')[0] ?? ''
    if (target === folder) return 'imports its own folder by alias; use a relative path'
    if (isTest && target === 'dev') return undefined
    if (specifier.includes('/testing/') && !isTest && !TEST_FOLDERS.has(folder)) {
      return 'may not import what only tests may'
    }
    return allows(rule.folders, target) ? undefined : `may not import ${target}/`
  }
  if (isTest) return undefined
  if (specifier.startsWith('node:')) {
    const permitted = rule.node === ANY || rule.node.some((prefix) => file.startsWith(prefix))
    return permitted ? undefined : `may not import ${specifier}`
  }
  return allows(rule.packages, packageName(specifier))
    ? undefined
    : `may not depend on ${packageName(specifier)}`
}

describe('layering', () => {
  const imports = sourceFiles().flatMap(importsOf)

  test('sees the tree', () => {
    expect(imports.length).toBeGreaterThan(20)
  })

  test('no import crosses a wall', () => {
    const broken = imports.flatMap((item) => {
      const reason = violation(item)
      const why = RULES[item.file.split('/')[0] ?? '']?.why
      return reason === undefined ? [] : [`${item.file}: '${item.specifier}' ${reason} (${why})`]
    })
    expect(broken).toEqual([])
  })

  test('a forbidden import is seen', () => {
    expect(violation({ file: 'gateway/app.ts', specifier: '#enclave-runner/server.ts' })).toMatch(
      /may not/,
    )
    expect(violation({ file: 'attestation/verify.ts', specifier: 'node:crypto' })).toMatch(
      /may not/,
    )
    expect(violation({ file: 'base/bytes.ts', specifier: 'hono' })).toMatch(/may not/)
    expect(violation({ file: 'client/index.ts', specifier: '../gateway/app.ts' })).toMatch(
      /crosses/,
    )
    expect(
      violation({ file: 'cli/main.ts', specifier: '#attestation/testing/fuzz-signed.ts' }),
    ).toMatch(/only tests/)
  })

  test('the clock, randomness and the environment are arguments outside entry files', () => {
    const entry =
      /\.test\.ts$|^(?:tests|bench|dev|cli|examples)\/|\/testing\/|(?:^|\/)(?:main|node|worker|browser)\.ts$|\.config\.ts$/
    const globals =
      /\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)|\bprocess\.env\b|\bcrypto\.getRandomValues\(/
    const broken = sourceFiles()
      .filter((file) => !entry.test(file))
      .filter((file) => globals.test(readFileSync(join(ROOT, file), 'utf8')))
    expect(broken).toEqual([])
  })
})
