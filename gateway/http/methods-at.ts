/** Methods that some route takes at a path, for a 405 instead of a 404. */
export function methodsAt(
  routes: readonly { readonly method: string; readonly path: string }[],
  path: string,
): readonly string[] {
  const methods = routes
    .filter((route) => route.method !== 'ALL' && patternOf(route.path).test(path))
    .map(({ method }) => method)
  return [...new Set(methods)]
}

/** `/v1/keys/:id` and `/v1/models/:id{.+}` as regular expressions. */
function patternOf(route: string): RegExp {
  const source = route.replace(/:[a-z]+(?:\{([^}]+)\})?/g, (_, inner?: string) => inner ?? '[^/]+')
  return new RegExp(`^${source}$`)
}
