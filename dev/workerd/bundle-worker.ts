import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'

const ROOT = join(import.meta.dirname, '..', '..')

export interface WorkerBundle {
  readonly code: string
  readonly bytes: number
  /** What Cloudflare's limit counts. */
  readonly gzipBytes: number
  /** Modules that it expects of the runtime. */
  readonly imports: readonly string[]
  readonly inputs: Metafile['inputs']
}

/** Bundles the Worker as wrangler does: one ES module, the runtime's own modules left out. */
export async function bundleWorker(): Promise<WorkerBundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(ROOT, 'cli', 'worker.ts')],
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2024',
    platform: 'neutral',
    conditions: ['workerd', 'worker', 'browser'],
    mainFields: ['browser', 'module', 'main'],
    // tweetnacl asks for `crypto` where there is no WebCrypto: never here.
    external: ['node:*', 'cloudflare:*', 'crypto'],
    loader: { '.sql': 'text', '.yaml': 'text' },
    write: false,
    metafile: true,
  })
  const [output] = outputFiles
  if (output === undefined) throw new TypeError('esbuild made no file')
  const imports = Object.values(metafile.outputs).flatMap((file) =>
    file.imports.filter(({ external }) => external === true).map(({ path }) => path),
  )
  return {
    code: output.text,
    bytes: output.contents.length,
    gzipBytes: gzipSync(output.contents, { level: 9 }).length,
    imports: [...new Set(imports)].toSorted(),
    inputs: metafile.inputs,
  }
}
