import { describe, expect, test } from 'vitest'
import { relayedHeaders } from './relayed-headers.ts'

const relayed = (headers: Readonly<Record<string, string>>, status = 200) =>
  relayedHeaders(status, (name) => headers[name])

describe('what a hostile runner sends to the gateway’s own origin (H14)', () => {
  test.each([
    'text/html',
    'TEXT/HTML; charset=utf-8',
    'image/svg+xml',
    'application/xhtml+xml',
    'text/javascript',
    'multipart/x-mixed-replace',
    '',
  ])('an answer of type %j is none', (type) => {
    expect(relayed({ 'content-type': type })).toBeUndefined()
  })

  test('an answer without a type is none', () => {
    expect(relayed({})).toBeUndefined()
  })

  test.each([101, 204, 301, 302, 307, 401, 402, 407, 418, 511])('status %i is none', (status) => {
    expect(relayed({ 'content-type': 'application/json' }, status)).toBeUndefined()
  })

  test('no cookie, redirect, permission or link passes, and a browser runs nothing of it', () => {
    const headers = relayed({
      'content-type': 'application/json; charset=utf-8',
      'set-cookie': 'session=stolen',
      location: 'https://evil.example',
      refresh: '0;url=https://evil.example',
      link: '<https://evil.example>; rel=preload',
      'access-control-allow-origin': '*',
      'clear-site-data': '"*"',
      'content-encoding': 'gzip',
      'strict-transport-security': 'max-age=0',
      'x-cocoon-confidentiality': 'end-to-end',
    })
    expect(headers).toEqual({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
    })
  })

  test('the few headers that pass have one form each', () => {
    const good = {
      'content-length': '42',
      'retry-after': '7',
      'ehbp-response-nonce': 'ab'.repeat(32),
    }
    const bad = { 'content-length': '-1', 'retry-after': 'soon', 'ehbp-response-nonce': 'AB' }
    const type = { 'content-type': 'application/octet-stream' }
    expect(relayed({ ...type, ...good })).toMatchObject(good)
    for (const name of Object.keys(bad))
      expect(relayed({ ...type, ...bad })).not.toHaveProperty(name)
  })
})
