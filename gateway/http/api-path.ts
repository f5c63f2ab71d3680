/** First parts of paths that users reach with and without `/v1`, since base URLs are configured both ways. */
const WITHOUT_VERSION =
  /^\/(?:models|accounts?|keys?|credits|generation|chat|completions|embeddings|responses|messages)(?:\/|$)/

/** The one spelling of a path of the API: with one `/v1`, without doubled or trailing slashes. */
export function apiPath(path: string): string {
  const bare = withoutTrailingSlash(path)
  const single = plainSpelling(path)
  if (WITHOUT_VERSION.test(single)) return `/v1${single}`
  // Elsewhere a doubled slash is another path: proxies in front guard those by their spelling.
  return single.startsWith('/v1/') ? single : bare
}

/** As base URLs with a slash, or a `/v1`, too many make them: `/v1//models/`, `/v1/v1/messages`. */
export function plainSpelling(path: string): string {
  const single = path.includes('//') ? path.replace(/\/{2,}/g, '/') : path
  return withoutTrailingSlash(single.startsWith('/v1/v1/') ? single.slice('/v1'.length) : single)
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}
