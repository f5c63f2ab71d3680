import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** What of other people's code reaches production, by the lockfile that `npm install` follows. */
const ROOT = join(import.meta.dirname, '..')
const read = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), 'utf8'))

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly license?: string
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly link?: boolean
}

// Sound: npm's documented lockfile, version 3; what is missing fails below.
const { packages } = read('package-lock.json') as { packages: Record<string, Locked> }
const locked = Object.entries(packages).filter(([path, { link }]) => path !== '' && link !== true)
// Binaries of Node, for who has an older one: a platform's package need not be here to be looked at.
const shipped = locked.filter(
  ([path, { dev, devOptional }]) =>
    dev !== true && devOptional !== true && !path.startsWith('node_modules/node-'),
)

/** Where npm looks when the lockfile names no other place. */
const REGISTRY = 'https://registry.npmjs.org/'

/** Those that ask for nothing but their notice. */
const PERMISSIVE = ['MIT', 'Unlicense', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD']

test('everything comes from the registry, and is what its checksum says', () => {
  const loose = locked.filter(
    ([, { resolved, integrity }]) =>
      !(resolved ?? REGISTRY).startsWith(REGISTRY) || !integrity?.startsWith('sha512-'),
  )
  expect(loose).toEqual([])
})

test('everything that ships has a permissive licence', () => {
  expect(shipped.length).toBeGreaterThan(20)
  const others = shipped.filter(([, { license }]) => !PERMISSIVE.includes(license ?? ''))
  expect(others.map(([path, { license }]) => `${path}: ${license}`)).toEqual([])
})

test('our own dependencies are named by exact versions', () => {
  // Sound: npm's documented manifest.
  const manifest = read('package.json') as Record<string, Record<string, string> | undefined>
  const named = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
    Object.entries(manifest[kind] ?? {}),
  )
  expect(
    named.filter(([, version]) => !/^(?:npm:[\w@/.-]+@)?\d+\.\d+\.\d+[\w.-]*$/.test(version)),
  ).toEqual([])
})
