import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

/**
 * What runs beside the keys: the runner's bundle, counted. A module or package that is not listed here does not enter
 * it unnoticed.
 */
const ROOT = join(import.meta.dirname, '..')

/** Our own code, by folder, and why it is there. */
const FOLDERS: Readonly<Record<string, string>> = {
  base: 'bytes, money, canonical JSON',
  protocol: 'sealing, allowances, receipts, registration',
  'enclave-runner': 'the runner itself',
  attestation: 'the forms and digests of evidence, no verifier of it',
}
/** Packages, and why. */
const PACKAGES: Readonly<Record<string, string>> = {
  undici: 'HTTP to the engine, by socket or loopback',
  hpke: 'HPKE',
  '@panva/hpke-noble': 'primitives that the runtime lacks',
  '@noble/hashes': 'hashes where there is no node:crypto',
  '@noble/curves': 'primitives that the runtime lacks',
  '@noble/post-quantum': 'ML-KEM where the runtime lacks it',
}
const MAX_LINES = 16_000

async function bundleInputs(): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['enclave-runner/main.ts'],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    treeShaking: true,
    logLevel: 'silent',
  })
  // Only what leaves bytes in the output runs.
  const [output] = Object.values(metafile.outputs)
  return Object.entries(output?.inputs ?? {})
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => path)
}

function packageOf(path: string): string | undefined {
  const parts = path.split('node_modules/').at(-1)?.split('/') ?? []
  if (!path.includes('node_modules/')) return undefined
  return parts[0]?.startsWith('@') ? `${parts[0]}/${parts[1]}` : parts[0]
}

test('the runner’s bundle holds listed modules only, and its size is known', async () => {
  const inputs = await bundleInputs()
  const own = inputs.filter((path) => packageOf(path) === undefined)
  const packages = new Set(inputs.map(packageOf).filter((name) => name !== undefined))
  expect([...packages].sort()).toEqual(Object.keys(PACKAGES).sort())
  const strangers = own.filter((path) => {
    const [folder = ''] = path.split('/')
    return !Object.hasOwn(FOLDERS, folder) || /\.test\.|\/testing\//.test(path)
  })
  expect(strangers).toEqual([])
  const lines = own.reduce(
    (sum, path) => sum + readFileSync(join(ROOT, path), 'utf8').split('\n').length,
    0,
  )
  process.stdout.write(
    `trusted base of the runner: ${lines} lines in ${own.length} files, packages ${[...packages].sort().join(', ')}\n`,
  )
  expect(lines).toBeLessThan(MAX_LINES)
  // Verifiers and money stay outside: what they need to be is checked elsewhere.
  const verifiers = own.filter((path) => /^attestation\/(?:sev|tdx|nvidia|collateral)\//.test(path))
  expect(verifiers.filter((path) => !/evidence|digest/.test(path))).toEqual([])
})
