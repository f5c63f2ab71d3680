import { createHash } from 'node:crypto'
import type { Assets } from '#web/assets.ts'
import { openAssets } from '#web/node.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'
import { packageRoot } from '../package-root.ts'
import { comparePage, PageUnreachable } from '../page/compare-page.ts'
import { parseArguments } from '../parse-arguments.ts'

const USAGE = `cocoon page: the fingerprint of this release's web page, and whether a gateway serves that very page.

  cocoon page            prints the page's hash and that of each of its files
  cocoon page ORIGIN     fetches what the gateway serves and compares it, byte for byte

A page verifies runners with code that its gateway served: this tells whether it is the code of your own copy of the
package. A gateway could still serve you another page than it serves this command; cocoon connect needs no page.

Exit code: 0 the same page (or only printed), 1 another page or no answer, 2 wrong usage.`

export const page: Command = {
  summary: 'compare the page that a gateway serves with this release',
  usage: USAGE,
  run: async (io) => {
    const { positionals } = parseArguments(io.args, { allowPositionals: true })
    const [target, ...rest] = positionals
    if (rest.length > 0) throw new UsageError('takes one origin at most; see --help')
    const assets = await openAssets(packageRoot())
    if (target !== undefined) return compare(io, target, assets)
    io.out(`page  ${assets.hash}`)
    for (const [name, { body }] of assets.files) {
      io.out(`${createHash('sha256').update(body).digest('hex')}  ${name}`)
    }
    return EXIT.ok
  },
}

async function compare(io: CommandIo, target: string, assets: Assets): Promise<number> {
  if (!/^https?:/.test(target) || !URL.canParse(target)) {
    throw new UsageError('ORIGIN is a URL like https://gateway.example')
  }
  const { origin } = new URL(target)
  let differences: readonly string[]
  try {
    differences = await comparePage({ origin, assets, fetch })
  } catch (error) {
    if (!(error instanceof PageUnreachable)) throw error
    io.err(`cocoon page: ${error.message}`)
    return EXIT.failed
  }
  for (const difference of differences) io.err(difference)
  if (differences.length > 0) {
    io.err(`${origin} does not serve the page of this release (${assets.hash})`)
    return EXIT.failed
  }
  io.out(`${origin} serves the page of this release: ${assets.hash}`)
  return EXIT.ok
}
