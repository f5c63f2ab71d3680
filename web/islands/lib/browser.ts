import type { Random } from '#base/brand.ts'
import { type Clock, unixMs } from '#base/brand.ts'
import type { PageSite } from '../../site.ts'

/** What the islands take from the browser they run in; nothing else reads its clock, randomness or storage. */
export const clock: Clock = () => unixMs(Date.now())

export const random: Random = (length) => crypto.getRandomValues(new Uint8Array(length))

/** What the gateway said of itself when it drew this page. */
// Sound: written by layout.ts from the same type, on this same page.
export const site = JSON.parse(document.getElementById('site')?.textContent ?? '{}') as PageSite

export function islandRoot(id: string): HTMLElement {
  const root = document.getElementById(id)
  if (root === null) throw new TypeError(`the page has no #${id}`)
  return root
}
