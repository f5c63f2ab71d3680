import { describe, expect, test } from 'vitest'
import { ConfigError, isLocalUrl, readGatewayConfig } from './config.ts'

const GOOD = {
  PUBLIC_URL: 'https://api.example',
  RUNNER_DOMAIN: 'runners.example',
  GATEWAY_SECRET: 'ab'.repeat(32),
  TON_ENDPOINT: 'https://toncenter.com/api/v2/jsonRPC',
  REGISTRY_ADDRESS: `0:${'11'.repeat(32)}`,
}

function problems(env: Record<string, string | undefined>): string {
  try {
    readGatewayConfig(env)
    return ''
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

describe('the gateway’s settings', () => {
  test('production needs few of them', () => {
    expect(readGatewayConfig(GOOD)).toMatchObject({
      production: true,
      listen: { host: '127.0.0.1', port: 8787 },
      tee: false,
      gpu: 'required',
      plaintext: 'allow',
      commissionBps: 500,
    })
  })

  test('every bad one is named at once, and no value repeated', () => {
    const text = problems({
      ...GOOD,
      PORT: 'a secret port',
      GATEWAY_SECRET: 'a secret',
      TON_ENDPOINT: undefined,
      MODELS: '[{"id":"m","input":"-1","output":"1"}]',
      PLAINTEXT: 'maybe',
    })
    for (const name of ['PORT', 'GATEWAY_SECRET', 'TON_ENDPOINT', 'MODELS', 'PLAINTEXT']) {
      expect(text).toContain(name)
    }
    expect(text).not.toContain('a secret')
  })

  test.each([
    ['a public URL without https', { PUBLIC_URL: 'http://api.example' }, 'PUBLIC_URL'],
    ['no runner domain', { RUNNER_DOMAIN: '' }, 'RUNNER_DOMAIN'],
    ['a meter key without a Till', { METER_KEY: 'cd'.repeat(32) }, 'TILL_ADDRESS'],
    ['development on a public address', { GATEWAY_ENV: 'development', HOST: '0.0.0.0' }, 'HOST'],
    [
      'no memory for four of the largest bodies',
      { MAX_BODY_BYTES: '134217729' },
      'MAX_BODY_MEMORY',
    ],
    ['a short admin key', { ADMIN_KEY: 'admin' }, 'ADMIN_KEY'],
    ['a rate of nothing', { USD_RATE: '0' }, 'USD_RATE'],
    ['a currency in small letters', { TICKER: 'ton' }, 'TICKER'],
    ['a proxy network of everybody', { TRUSTED_PROXIES: '10.0.0.1, 0.0.0.0/0' }, 'TRUSTED_PROXIES'],
    [
      'a ticker without a path',
      { RATE_TICKERS: '[{"name":"a","url":"https://a"}]' },
      'RATE_TICKERS',
    ],
    [
      'a cached price above the fresh one',
      { MODELS: '[{"id":"m","input":"1","cached":"2","output":"1"}]' },
      'MODELS',
    ],
    [
      'a misspelt price, which would be another',
      { MODELS: '[{"id":"m","input":"2","cache":"1","output":"2"}]' },
      'MODELS',
    ],
    [
      'a model twice, at two prices',
      { MODELS: '[{"id":"m","input":"1","output":"1"},{"id":"m","input":"2","output":"2"}]' },
      'MODELS',
    ],
    ['a price in a list', { MODELS: '[{"id":"m","input":["1"],"output":"1"}]' }, 'MODELS'],
    [
      'a demonstration in words',
      { MODELS: '[{"id":"m","input":"1","output":"1","demonstration":"true"}]' },
      'MODELS',
    ],
    ['a name that is none', { MODELS: '[{"id":"m","input":"1","output":"1","name":1}]' }, 'MODELS'],
  ])('%s is refused', (_, change, name) => {
    expect(problems({ ...GOOD, ...change })).toContain(name)
  })
})

test.each([
  ['http://127.0.0.1:8791', true],
  ['http://localhost/x', true],
  ['http://[::1]:1', true],
  ['https://toncenter.com', false],
  ['http://127.0.0.1.evil.example', false],
  ['nonsense', false],
])('%s is on this machine: %s', (url, local) => {
  expect(isLocalUrl(url)).toBe(local)
})
