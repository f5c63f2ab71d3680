import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'

const SPECIFIER = /(from |import\()(['"])([^'"]+)\2/g

/**
 * Writes the type declarations that an entry shows, and no others: the compiler's, with our internal names (`#base/…`)
 * made relative, since a published package has no source for them to mean.
 * @param imports `imports` of package.json
 */
export function declareTypes(options: {
  readonly root: string
  /** Source file, relative to the root. */
  readonly entry: string
  readonly outdir: string
  readonly imports: Readonly<Record<string, string>>
}): void {
  const { root, entry, outdir, imports } = options
  const emitted = mkdtempSync(join(tmpdir(), 'cocoon-types-'))
  try {
    emit(root, entry, emitted)
    const shown = new Set<string>()
    const visit = (file: string): void => {
      if (shown.has(file)) return
      shown.add(file)
      const resolve = (name: string): string | undefined => sourceOf(name, file, imports)
      const text = readFileSync(join(emitted, declarationOf(file)), 'utf8')
      const target = join(outdir, declarationOf(file))
      mkdirSync(dirname(target), { recursive: true })
      writeFileSync(
        target,
        text.replace(SPECIFIER, (whole, keyword: string, quote: string, name: string) => {
          const source = resolve(name)
          if (source === undefined) return whole
          visit(source)
          return `${keyword}${quote}${specifier(file, source)}${quote}`
        }),
      )
    }
    visit(entry)
  } finally {
    rmSync(emitted, { recursive: true })
  }
}

function emit(root: string, entry: string, outDir: string): void {
  const config = join(outDir, 'tsconfig.json')
  const compilerOptions = {
    ...{ noEmit: false, declaration: true, emitDeclarationOnly: true, outDir, rootDir: root },
    typeRoots: [join(root, 'node_modules/@types')],
  }
  const files = [join(root, entry)]
  const extended = join(root, 'tsconfig.json')
  writeFileSync(
    config,
    JSON.stringify({ extends: extended, compilerOptions, files, include: [], exclude: [] }),
  )
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { stdio: 'inherit' })
}

/** The source file that a specifier in `from` means; undefined for another package. */
function sourceOf(
  name: string,
  from: string,
  imports: Readonly<Record<string, string>>,
): string | undefined {
  if (name.startsWith('.')) return join(dirname(from), name)
  const exact = imports[name]
  if (exact !== undefined) return join(exact)
  const [prefix, folder] =
    Object.entries(imports).find(
      ([key]) => key.endsWith('/*') && name.startsWith(key.slice(0, -1)),
    ) ?? []
  if (prefix === undefined || folder === undefined) return undefined
  return join(folder.slice(0, -1), name.slice(prefix.length - 1))
}

function declarationOf(source: string): string {
  return source.replace(/\.ts$/, '.d.ts')
}

/** As every resolver reads it: the module's name at run time, whose declaration stands beside it. */
function specifier(from: string, to: string): string {
  const path = relative(dirname(from), to.replace(/\.ts$/, '.js')).split(sep).join('/')
  return path.startsWith('.') ? path : `./${path}`
}
