import { ApiError } from '../errors.ts'

/** Rules for the address that a runner wants to be reached at. */
export interface UrlRules {
  /** Plain HTTP and loopback: development only. */
  readonly loopback: boolean
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])

/**
 * The origin of a `direct` transport: https, nothing but an origin, no address literal of a private network. Names are
 * judged again by their addresses at every connection, since DNS may change (H15).
 * @throws ApiError `transport_refused`
 */
export function runnerOrigin(text: string, rules: UrlRules): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) throw refused('the URL is malformed')
  const bare = url.pathname === '/' && url.search === '' && url.hash === ''
  if (!bare || url.username !== '' || url.password !== '') {
    throw refused('the URL must be an origin: no path, query or user')
  }
  const isLoopback = LOOPBACK.has(url.hostname)
  if (rules.loopback && isLoopback && url.protocol === 'http:') return url.origin
  if (url.protocol !== 'https:') throw refused('the URL must use https')
  if (isLoopback && !rules.loopback) throw refused('loopback is not reachable')
  const literal = addressLiteral(url.hostname)
  if (literal !== undefined && !isPublicAddress(literal)) throw refused('the address is private')
  return url.origin
}

function refused(reason: string): ApiError {
  return new ApiError('transport_refused', `transport: ${reason}`, { param: 'transport.url' })
}

function addressLiteral(hostname: string): string | undefined {
  if (hostname.startsWith('[')) return hostname.slice(1, -1)
  return /^[0-9.]+$/.test(hostname) ? hostname : undefined
}

/** Networks that a runner on the internet cannot be in (RFC 6890 and successors). */
const PRIVATE_V4: readonly (readonly [base: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]

/** Whether an IP address (text) is one that strangers may send us to. */
export function isPublicAddress(address: string): boolean {
  const v4 = parseV4(address)
  if (v4 !== undefined) return isPublicV4(v4)
  const groups = parseV6(address)
  return groups !== undefined && isPublicV6(groups)
}

function isPublicV4(value: number): boolean {
  return !PRIVATE_V4.some(([base, bits]) => {
    const network = parseV4(base) ?? 0
    return value >>> (32 - bits) === network >>> (32 - bits)
  })
}

function parseV4(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0
  for (const part of parts) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined
    value = value * 256 + Number(part)
  }
  return value >>> 0
}

/** Only global unicast (2000::/3), without the blocks that tunnel to IPv4 or document examples. */
function isPublicV6(groups: readonly number[]): boolean {
  const [a = 0, b = 0, c = 0] = groups
  if (a >>> 13 !== 0b001) return false
  const isTeredo = a === 0x2001 && b === 0
  const isDocumentation = (a === 0x2001 && b === 0x0db8) || a === 0x3fff
  const isSpecial = a === 0x2001 && b < 0x200
  // 6to4 carries an IPv4 address: it must be a public one.
  if (a === 0x2002) return isPublicV4(((b << 16) | c) >>> 0)
  return !isTeredo && !isDocumentation && !isSpecial
}

/** Eight groups; undefined when it is not an IPv6 address. Zones are refused. */
function parseV6(text: string): readonly number[] | undefined {
  if (text.includes('%') || text.includes('.')) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const read = (half: string): number[] =>
    half === '' ? [] : half.split(':').map((group) => hexGroup(group))
  const head = read(halves[0] ?? '')
  const tail = halves.length === 2 ? read(halves[1] ?? '') : []
  const missing = 8 - head.length - tail.length
  const valid = halves.length === 2 ? missing >= 1 : missing === 0
  const groups = [...head, ...Array<number>(Math.max(missing, 0)).fill(0), ...tail]
  return valid && groups.every((group) => !Number.isNaN(group)) ? groups : undefined
}

function hexGroup(text: string): number {
  return /^[0-9a-fA-F]{1,4}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN
}
