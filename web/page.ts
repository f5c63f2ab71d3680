import type { HtmlEscapedString } from 'hono/utils/html'
import type { Island } from './assets.ts'
import type { Site } from './site.ts'

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>

/** What a page is drawn from: the site, and what anybody may read by the gateway's API. */
export interface View {
  readonly site: Site
  readonly origin: string
  readonly url: URL
  /** What the path's pattern caught. */
  readonly part: string
  readonly read: (path: string) => Promise<unknown>
}

export interface Page {
  readonly title: string
  readonly description: string
  readonly island?: Island
  readonly status?: number
  /** Further origins that its scripts may reach. */
  readonly connect?: readonly string[]
  readonly main: Html
}

/** Undefined when there is nothing at this address after all. */
export type DrawPage = (view: View) => Promise<Page | undefined>
