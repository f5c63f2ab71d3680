import { join } from 'node:path'
import { build, type Metafile } from 'esbuild'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')

/** The client as a bundler for browsers sees it. */
async function bundled(): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['client/index.ts'],
    bundle: true,
    splitting: true,
    outdir: 'unwritten',
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    external: ['@ton/core', 'node:*'],
    logLevel: 'silent',
  })
  return metafile
}

/** External modules that load with the entry, without any dynamic import. */
function loadedAtOnce({ outputs }: Metafile, file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return []
  seen.add(file)
  const imports = (outputs[file]?.imports ?? []).filter(({ kind }) => kind === 'import-statement')
  return imports.flatMap(({ path, external }) =>
    external === true ? [path] : loadedAtOnce({ inputs: {}, outputs }, path, seen),
  )
}

test('the client bundles for browsers: no Node module, and no library of TON cells', async () => {
  const metafile = await bundled()
  const entry = Object.keys(metafile.outputs).find((file) => file.endsWith('/index.js')) ?? ''
  expect(loadedAtOnce(metafile, entry)).toEqual([])
  const later = Object.values(metafile.outputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external === true).map(({ path }) => path),
  )
  expect([...new Set(later)]).toEqual([])
  expect(Object.keys(metafile.inputs).filter((file) => file.startsWith('client/proxy/'))).toEqual(
    [],
  )
})
