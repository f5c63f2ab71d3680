import { DurableObject } from 'cloudflare:workers'
import type { IndexRpc } from './objects.ts'

const ACCOUNT = 'acct:'
const HOSTS_INDEX = 'hosts'

/** Every index, in order: Cloudflare cannot list objects by name, so that we do. */
export const INDEXES: readonly string[] = [...'0123456789ABCDEFGHJKMNPQRSTVWXYZ', HOSTS_INDEX]

/** The index that names a ledger. Account ids are hashes: the second character spreads them evenly over 32. */
export function indexOf(name: string): string {
  return name.startsWith(ACCOUNT) ? name.charAt(ACCOUNT.length + 1) : HOSTS_INDEX
}

/** Names of ledgers that exist; a name stands here before its ledger is written. */
export class IndexObject extends DurableObject<Cloudflare.Env> implements IndexRpc {
  async add(name: string): Promise<void> {
    this.ctx.storage.kv.put(name, true)
  }

  async remove(name: string): Promise<void> {
    this.ctx.storage.kv.delete(name)
  }

  async list(after: string, limit: number): Promise<readonly string[]> {
    const { kv } = this.ctx.storage
    const from = after === '' ? {} : { startAfter: after }
    return [...kv.list({ ...from, limit })].map(([name]) => name)
  }
}
