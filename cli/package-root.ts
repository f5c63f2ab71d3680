import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder that holds package.json: in a checkout one above `cli/`, in an installed package one above `dist/`. */
export function packageRoot(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'migrations')) && existsSync(join(folder, 'package.json')))
      return folder
    if (folder === dirname(folder))
      throw new Error('the package is incomplete: migrations/ is missing')
  }
}
