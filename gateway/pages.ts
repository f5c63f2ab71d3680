/** What the pages know of the gateway that they are served by: its name, and what anybody may read by its API. */
export interface PageContext {
  readonly publicUrl: string
  /** The JSON that a reading request without a key gets; undefined when it is refused. */
  readonly read: (path: string) => Promise<unknown>
}

/**
 * Draws the pages of the gateway's origin. It is handed in by the entry, so that this folder knows nothing of how they
 * look; undefined when the path is no page.
 */
export type ServePages = (request: Request, context: PageContext) => Promise<Response | undefined>

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** The page at a path that is no route of the API. */
export async function pageAnswer(
  deps: { readonly pages: ServePages | undefined; readonly publicUrl: string },
  request: Request,
  fetch: (request: Request) => Response | Promise<Response>,
): Promise<Response | undefined> {
  const { pages, publicUrl } = deps
  if (pages === undefined || !READING.has(request.method)) return undefined
  return pages(request, {
    publicUrl,
    read: async (path) => {
      const answer = await fetch(new Request(new URL(path, publicUrl)))
      const value: unknown = await answer.json()
      return answer.ok ? value : undefined
    },
  })
}
