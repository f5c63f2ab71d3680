/** A thread's entry beside this file: the source in a checkout, its bundle in the published package. */
export function threadUrl(name: string): URL {
  const isSource = import.meta.url.endsWith('.ts')
  return new URL(isSource ? `./${name}.ts` : `./postgres-${name}.js`, import.meta.url)
}
