import type { Exhibit } from '#client/documents'
import type { Receipt } from '#protocol'

/** What is to be judged, what it is called, and the JSON that a saved bundle keeps of it. */
export interface Loaded {
  readonly exhibit: Exhibit
  /** For people: what kind of document, and its id. */
  readonly about: string
  readonly receipt: Receipt | undefined
  /** Whether what is attested is to have a GPU: a gateway runs no model. */
  readonly runsModel: boolean
  readonly saved: { readonly document: unknown; readonly nonce: string | null }
}
