import { parseTon } from '#base/nano.ts'
import { required } from '#base/parse-setting.ts'

/**
 * Parsers of setting values. Each throws a RangeError whose message completes "NAME …" and holds no value.
 */

const LISTEN = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+):([0-9]{1,5})$/i
/** Addresses only: even `localhost` may be asked of a DNS, which in an enclave is the host's. */
const LOOPBACK_HOSTS = new Set(['127.0.0.1', '[::1]'])
const UNIX_PREFIX = 'unix:/'

export function oneOf<const T extends string>(...choices: readonly T[]) {
  return required((text) => {
    const choice = choices.find((name) => name === text)
    if (choice === undefined) throw new RangeError(`must be one of ${choices.join(', ')}`)
    return choice
  })
}

/** Some of the choices, separated by commas, each once. */
export function someOf<const T extends string>(...choices: readonly T[]) {
  return (text: string): readonly T[] =>
    [...new Set(text.split(',').map((name) => name.trim()))].map((name) => oneOf(...choices)(name))
}

export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) {
      throw new RangeError(`must be a whole number from ${min} to ${max}`)
    }
    return value
  }
}

export function tons(text: string) {
  try {
    return parseTon(text)
  } catch {
    throw new RangeError('must be an amount of TON such as 2.5')
  }
}

export function listen(text: string): { host: string; port: number } {
  const [, host, port] = LISTEN.exec(text) ?? []
  if (host === undefined || Number(port) > 65_535) throw new RangeError('must be host:port')
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

export function originUrl(text: string): string {
  const url = URL.parse(text)
  const isOrigin = url !== null && (url.origin === text || `${url.origin}/` === text)
  if (!isOrigin || !url.protocol.startsWith('http')) {
    throw new RangeError('must be an http(s) origin without path')
  }
  return url.origin
}

export function origins(text: string): readonly string[] {
  const list = text.split(',').map((item) => originUrl(item.trim()))
  return [...new Set(list)]
}

export function engineUrl(text: string): string {
  if (text.startsWith(UNIX_PREFIX)) return text
  const url = URL.parse(text)
  const isPlain = url !== null && url.username === '' && url.search === '' && url.hash === ''
  if (!isPlain || !url.protocol.startsWith('http')) {
    throw new RangeError('must be http(s)://host[:port][/path] or unix:/path')
  }
  return text
}

export function isLocal(engine: string): boolean {
  return engine.startsWith(UNIX_PREFIX) || LOOPBACK_HOSTS.has(new URL(engine).hostname)
}
