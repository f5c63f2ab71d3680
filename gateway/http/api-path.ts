/** First parts of paths that users reach with and without `/v1`, since base URLs are configured both ways. */
const WITHOUT_VERSION =
  /^\/(?:models|accounts?|keys?|credits|generation|chat|completions|embeddings|responses|messages)(?:\/|$)/

/** The one spelling of a path: with `/v1`, without a trailing slash. */
export function apiPath(path: string): string {
  const bare = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
  return WITHOUT_VERSION.test(bare) ? `/v1${bare}` : bare
}
