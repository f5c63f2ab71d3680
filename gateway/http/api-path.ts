/** First parts of paths that users reach with and without `/v1`, since base URLs are configured both ways. */
const WITHOUT_VERSION =
  /^\/(?:models|accounts?|keys?|credits|generation|chat|completions|embeddings|responses|messages)(?:\/|$)/

/** The one spelling of a path of the API: with `/v1`, without doubled or trailing slashes. */
export function apiPath(path: string): string {
  const bare = withoutTrailingSlash(path)
  const single = singleSlashes(path)
  if (WITHOUT_VERSION.test(single)) return `/v1${single}`
  // Elsewhere a doubled slash is another path: proxies in front guard those by their spelling.
  return single.startsWith('/v1/') ? single : bare
}

/** As base URLs with a slash at their end make them: `/v1//models/` for `/v1/models`. */
export function singleSlashes(path: string): string {
  return withoutTrailingSlash(path.includes('//') ? path.replace(/\/{2,}/g, '/') : path)
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}
