import { describe, expect, test } from 'vitest'
import { isPublicAddress, runnerOrigin } from './runner-url.ts'

const refusal = (text: string, loopback = false): string => {
  try {
    return `taken: ${runnerOrigin(text, { loopback })}`
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'another error'
  }
}

describe('the address that a runner gives (H15)', () => {
  test.each([
    ['plain HTTP', 'http://runner.example'],
    ['another scheme', 'file:///etc/passwd'],
    ['no URL', 'runner.example'],
    ['a path', 'https://runner.example/v1'],
    ['a query', 'https://runner.example/?a=1'],
    ['a user', 'https://me@runner.example'],
    ['a password', 'https://me:secret@runner.example'],
    ['cloud metadata', 'https://169.254.169.254'],
    ['loopback by name', 'https://localhost'],
    ['loopback by number', 'https://127.0.0.1'],
    ['loopback in another spelling', 'https://0x7f.1'],
    ['loopback as one number', 'https://2130706433'],
    ['a private network', 'https://10.1.2.3'],
    ['a carrier’s network', 'https://100.64.0.1'],
    ['loopback in IPv6', 'https://[::1]'],
    ['IPv4 loopback in IPv6', 'https://[::ffff:127.0.0.1]'],
    ['IPv4 loopback through NAT64', 'https://[64:ff9b::7f00:1]'],
    ['IPv4 loopback through 6to4', 'https://[2002:7f00:1::1]'],
    ['a link-local address', 'https://[fe80::1]'],
    ['a unique local address', 'https://[fd00::1]'],
  ])('is refused: %s', (_, text) => {
    expect(refusal(text)).toBe('transport_refused')
  })

  test('is an https origin, by name or public address', () => {
    expect(refusal('https://Runner.example:8443')).toBe('taken: https://runner.example:8443')
    expect(refusal('https://1.1.1.1')).toBe('taken: https://1.1.1.1')
    expect(refusal('https://[2606:4700::1111]')).toBe('taken: https://[2606:4700::1111]')
  })

  test('may be loopback in development only, and nothing else private even there', () => {
    expect(refusal('http://127.0.0.1:8790', true)).toBe('taken: http://127.0.0.1:8790')
    expect(refusal('http://127.0.0.1:8790')).toBe('transport_refused')
    expect(refusal('http://10.0.0.1', true)).toBe('transport_refused')
    expect(refusal('https://169.254.169.254', true)).toBe('transport_refused')
  })
})

test('what is not an IP address is not a public one', () => {
  for (const text of [
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    'fe80::1%eth0',
  ]) {
    expect(isPublicAddress(text), text).toBe(false)
  }
})
