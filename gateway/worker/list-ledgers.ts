import { INDEXES } from './index-object.ts'
import type { Objects } from './objects.ts'

export interface LedgerPage {
  readonly names: readonly string[]
  /** What the next page goes on after; null at the end. */
  readonly next: string | null
}

/** Every ledger's name, page by page, through all indexes in their order. @param after `<index>/<name>`, or empty */
export async function listLedgers(
  objects: Objects,
  after: string,
  limit: number,
): Promise<LedgerPage> {
  const cut = after.indexOf('/')
  const at = cut === -1 ? 0 : INDEXES.indexOf(after.slice(0, cut))
  const names: string[] = []
  let from = cut === -1 ? '' : after.slice(cut + 1)
  for (const index of INDEXES.slice(Math.max(at, 0))) {
    const found = await objects.index(index).list(from, limit - names.length)
    names.push(...found)
    if (names.length === limit) return { names, next: `${index}/${names.at(-1)}` }
    from = ''
  }
  return { names, next: null }
}
