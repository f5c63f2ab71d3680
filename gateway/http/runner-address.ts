/** A request that came to a runner's own address instead of the gateway's. */
export interface RunnerAddress {
  readonly runner: string
  /** What remains for the runner. */
  readonly path: string
}

const PREFIX = /^\/runners\/(run_[0-9a-z]{1,60})(\/.*)?$/
const HOST_LABEL = /^run-([0-9a-z]{1,60})$/

/** `/runners/<id>/…` on the gateway's own origin. */
export function addressByPath(path: string): RunnerAddress | undefined {
  const match = PREFIX.exec(path)
  if (match === null) return undefined
  return { runner: match[1] ?? '', path: match[2] ?? '/' }
}

/** `<id>.<domain>`: an underscore is no part of a host name, so that the label has a hyphen instead. */
export function addressByHost(host: string | undefined, domain: string): string | undefined {
  const name = (host ?? '').toLowerCase().split(':', 1)[0] ?? ''
  if (!name.endsWith(`.${domain}`)) return undefined
  const label = HOST_LABEL.exec(name.slice(0, -domain.length - 1))?.[1]
  return label === undefined ? undefined : `run_${label}`
}

/** The origin of a runner under a domain. */
export function originByHost(runner: string, domain: string): string {
  return `https://${runner.replace('_', '-')}.${domain}`
}
