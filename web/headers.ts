import type { Site } from './site.ts'

/**
 * Nothing runs but the scripts that this page names by nonce, nothing loads from anywhere else, and nothing may frame
 * it. `connect-src` is the gateway and the chain, which the browser reads by itself.
 */
export function pageHeaders(site: Site, nonce: string, extra: readonly string[]): Headers {
  const chain = site.endpoints.map((url) => new URL(url).origin)
  const policy = {
    'default-src': ["'none'"],
    'script-src': [`'nonce-${nonce}'`],
    'style-src': ["'self'"],
    'img-src': ["'self'", 'data:'],
    'connect-src': ["'self'", ...new Set([...chain, ...extra])],
    'form-action': ["'self'"],
    'base-uri': ["'none'"],
    'frame-ancestors': ["'none'"],
    'require-trusted-types-for': ["'script'"],
  }
  const text = Object.entries(policy).map(([name, sources]) => `${name} ${sources.join(' ')}`)
  return new Headers({
    ...SAFE,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': text.join('; '),
    'cache-control': 'no-cache',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  })
}

/** On every answer of the page, whatever it is. */
export const SAFE: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}
