import { type Keyset, parseKeyset } from '#protocol'
import type { RunnerId } from '../db/ids.ts'
import type { Runners } from '../runners/directory.ts'
import type { RunnerStore } from '../runners/runner-store.ts'

/** The keyset of a runner that has this digest: of its lease, or of an earlier session of it. */
export type KeysetOf = (
  runner: RunnerId,
  digest: string,
) => Keyset | undefined | Promise<Keyset | undefined>

const MAX_KEPT = 1_024

export function createKeysetOf(directory: Runners, store: RunnerStore): KeysetOf {
  const kept = new Map<string, Keyset>()
  return async (runner, digest) => {
    const lease = directory.find(runner)?.lease
    if (lease?.keysetDigest === digest) return lease.keyset
    const name = `${runner} ${digest}`
    const known = kept.get(name) ?? (await read(store, runner, digest))
    if (known === undefined) return undefined
    if (kept.size >= MAX_KEPT) kept.clear()
    kept.set(name, known)
    return known
  }
}

async function read(
  store: RunnerStore,
  runner: RunnerId,
  digest: string,
): Promise<Keyset | undefined> {
  const document = await store.findKeyset(runner, digest)
  if (document === undefined) return undefined
  // Sound: a session document holds its keyset under this name; the parser checks it again.
  const { workload_keyset } = JSON.parse(document) as { workload_keyset: unknown }
  return parseKeyset(workload_keyset, 'keyset')
}
