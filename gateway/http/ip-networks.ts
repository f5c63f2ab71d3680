const V6_BITS = 128
const V4_BITS = 32
const V4_MAPPED = 0xffffn << 32n
const V4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
const GROUP = /^[0-9a-f]{1,4}$/
const V6_GROUPS = 8

/** Anything that knows addresses, in the form in which `clientAddress` asks. */
export interface IpNetworks {
  has(address: string): boolean
}

interface Network {
  /** As 128 bits; IPv4 is mapped into IPv6. */
  readonly first: bigint
  readonly freeBits: bigint
}

/**
 * A set of IP addresses and CIDR networks, of both versions.
 * @throws RangeError for what is neither, has bits beyond its prefix, or holds every address
 */
export function ipNetworks(list: readonly string[]): IpNetworks {
  const networks = list.map(parseNetwork)
  return {
    has: (address) => {
      const bits = parseAddress(address)
      if (bits === undefined) return false
      return networks.some(({ first, freeBits }) => bits >> freeBits === first >> freeBits)
    },
  }
}

function parseNetwork(text: string): Network {
  const [address = '', prefix, ...rest] = text.split('/')
  const first = parseAddress(address)
  const bits = address.includes(':') ? V6_BITS : V4_BITS
  const length = prefix === undefined ? bits : /^[1-9]\d{0,2}$/.test(prefix) ? Number(prefix) : 0
  // A network of everybody would leave the client's own word: no prefix is 0.
  if (first === undefined || rest.length > 0 || length < 1 || length > bits) throw malformed()
  const freeBits = BigInt(bits - length)
  // 10.0.0.1/8 is one address or a whole network: its writer must say which.
  if ((first >> freeBits) << freeBits !== first) throw malformed()
  return { first, freeBits }
}

function malformed(): RangeError {
  return new RangeError('must be IP addresses or networks like 10.0.0.0/8, separated by commas')
}

function parseAddress(text: string): bigint | undefined {
  if (V4.test(text)) return V4_MAPPED | joined(text.split('.').map(BigInt), 8n)
  const [head = '', tail, ...rest] = text.split('::')
  if (!text.includes(':') || rest.length > 0) return undefined
  const before = groupsOf(head)
  const after = tail === undefined ? [] : groupsOf(tail)
  if (before === undefined || after === undefined) return undefined
  const missing = V6_GROUPS - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  return joined([...before, ...Array<bigint>(missing).fill(0n), ...after], 16n)
}

function groupsOf(text: string): bigint[] | undefined {
  if (text === '') return []
  const groups = text.toLowerCase().split(':')
  return groups.every((group) => GROUP.test(group))
    ? groups.map((group) => BigInt(`0x${group}`))
    : undefined
}

function joined(parts: readonly bigint[], bits: bigint): bigint {
  return parts.reduce((all, part) => (all << bits) | part, 0n)
}
