import { homedir } from 'node:os'
import { join } from 'node:path'
import type { CommandIo } from '../command.ts'

/** `COCOON_CACHE`, or the user's cache folder by the XDG rules. */
export function cacheFolder({ env }: Pick<CommandIo, 'env'>): string {
  const own = env['COCOON_CACHE']
  if (own !== undefined && own !== '') return own
  const base = env['XDG_CACHE_HOME']
  // The XDG rules say that a relative path there is to be ignored.
  const cache = base?.startsWith('/') === true ? base : join(homedir(), '.cache')
  return join(cache, 'cocoon')
}
