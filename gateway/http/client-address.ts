import type { IpNetworks } from './ip-networks.ts'

/** IPv6 customers have at least a /64 of their own. */
const V6_GROUPS = 4

/**
 * Whom a limit per client is about: the address of the other end of the connection, or, when that is a proxy that we trust, the
 * last address in `x-forwarded-for` that is not one. Everything further left is the client's own word.
 * @param trusted where proxies are; from anyone else the header means nothing
 */
export function clientAddress(
  remote: string | undefined,
  forwardedFor: string | undefined,
  trusted: IpNetworks,
): string {
  const hops = (forwardedFor ?? '').split(',').map((hop) => plain(hop.trim()))
  let address = plain(remote ?? '')
  while (trusted.has(address)) {
    const hop = hops.pop()
    if (hop === undefined || hop === '') break
    address = hop
  }
  return networkOf(address)
}

/** Without the mapping of IPv4 into IPv6, brackets and ports. */
function plain(address: string): string {
  const bare = address.toLowerCase().replace(/^\[(.*)\](?::\d+)?$/, '$1')
  const v4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/.exec(bare)
  return v4?.[1] ?? bare
}

function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::', 2)
  const groups = head === '' ? [] : head.split(':')
  const missing =
    tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  const whole = [
    ...groups,
    ...Array<string>(Math.max(0, missing)).fill('0'),
    ...(tail?.split(':') ?? []),
  ]
  return `${whole
    .slice(0, V6_GROUPS)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
