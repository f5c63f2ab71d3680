import { describe, expect, test } from 'vitest'
import { clientAddress } from './client-address.ts'
import { ipNetworks } from './ip-networks.ts'

describe('networks of trusted proxies', () => {
  test.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['192.168.7.128/25', '192.168.7.128', true],
    ['192.168.7.128/25', '192.168.7.127', false],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.2', false],
    ['10.0.0.1/32', '10.0.0.1', true],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1', true],
    ['::1', '::1', true],
    ['::1', '127.0.0.1', false],
    // Another version, and what is no address.
    ['10.0.0.0/8', 'a00::1', false],
    ['a00::/8', '10.0.0.1', false],
    ['10.0.0.0/8', '10.0.0.1.evil.example', false],
    ['10.0.0.0/8', '10.0.0', false],
    ['10.0.0.0/8', 'unknown', false],
    ['10.0.0.0/8', '', false],
  ])('%s and %s: %s', (network, address, isIn) => {
    expect(ipNetworks([network]).has(address)).toBe(isIn)
  })

  test.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '10.0.0.1/8',
    '0.0.0.0/0',
    '::/0',
    '2001:db8::/129',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3',
    '1.2.3.4.',
    '1:2:3',
    '1::2::3',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'fe80::1%eth0',
    'proxy.example',
    ':',
  ])('%s is none', (text) => {
    expect(() => ipNetworks([text])).toThrow(RangeError)
  })

  test('what a client writes in front of trusted hops names nobody else, nor a proxy', () => {
    const trusted = ipNetworks(['10.0.0.0/8', '2001:db8::/32'])
    const client = (remote: string, forwarded?: string) => clientAddress(remote, forwarded, trusted)
    expect(client('10.1.2.3', '8.8.8.8, 10.9.9.9, 1.1.1.1, 10.0.0.7')).toBe('1.1.1.1')
    expect(client('::ffff:10.1.2.3', '1.1.1.1, [2001:db8::7]:443')).toBe('1.1.1.1')
    expect(client('1.1.1.1', '10.0.0.1, 8.8.8.8')).toBe('1.1.1.1')
    // Only proxies: the one furthest away asked for itself.
    expect(client('10.1.2.3', '10.0.0.9, 10.0.0.7')).toBe('10.0.0.9')
  })
})
