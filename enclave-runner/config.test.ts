import { describe, expect, test } from 'vitest'
import { ConfigError, readRunnerConfig } from './config.ts'

const WALLET = `0:${'ab'.repeat(32)}`
const DIGEST = `sha256:${'cd'.repeat(32)}`
const production = {
  image: { MODEL: 'm', WEIGHTS_DIGEST: DIGEST, ENGINE_URL: 'unix:/run/engine.sock' },
  host: { WALLET, GATEWAYS: 'https://a.example' },
}
const development = {
  RUNNER_ENV: 'development',
  WALLET,
  GATEWAYS: 'http://127.0.0.1:8787, http://127.0.0.1:8787',
  MODEL: 'tiny-demo',
  WEIGHTS_PATH: 'models/tiny-demo.gguf',
}

function problemsOf(image: Record<string, string>, host: Record<string, string> = {}): string {
  try {
    readRunnerConfig({ image, host })
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

describe('runner settings', () => {
  test('a host gives wallet, gateways and network, nothing more', () => {
    expect(readRunnerConfig(production)).toMatchObject({
      production: true,
      payee: WALLET,
      engine: { kind: 'openai-url', url: 'unix:/run/engine.sock' },
      creditLimit: 10_000_000_000n,
      transport: { kind: 'tunnel' },
    })
    const host = { RUNNER_LISTEN: '127.0.0.1:0' }
    expect(readRunnerConfig({ image: development, host })).toMatchObject({
      production: false,
      gateways: ['http://127.0.0.1:8787'],
      engine: { kind: 'demo' },
      transport: { kind: 'direct', listen: { host: '127.0.0.1', port: 0 }, url: undefined },
    })
  })

  test('a folder of weights is served by an engine that production confines', () => {
    const image = { MODEL: 'm', WEIGHTS_PATH: '/weights', ENGINE: 'vllm' }
    const host = { WALLET, GATEWAYS: 'https://a.example' }
    expect(readRunnerConfig({ image, host })).toMatchObject({
      engine: {
        kind: 'managed',
        program: 'vllm',
        path: '/usr/local/bin:/usr/bin:/bin',
        weightsPath: '/weights',
        confined: true,
      },
    })
    const llama = { ...image, ENGINE: 'llama-server' }
    expect(problemsOf(llama, host)).toContain('CONTEXT_LENGTH')
    expect(problemsOf(image, { ...host, ENGINE: 'vllm' })).toContain(
      'ENGINE may not come from the host',
    )
    expect(problemsOf(image, { ...host, ENGINE_PATH: '/tmp' })).toContain('ENGINE_PATH may not')
  })

  test('every bad setting is named at once', () => {
    const problems = problemsOf({
      ...development,
      WALLET: 'EQx',
      CAPACITY: '0',
      MODEL: '',
      GATEWAYS: 'ftp://x',
    })
    for (const name of ['WALLET', 'CAPACITY', 'MODEL', 'GATEWAYS']) expect(problems).toContain(name)
  })

  test.each([
    ['an engine on another machine', { ENGINE_URL: 'http://10.0.0.7:8000' }, {}],
    ['an engine that only looks local', { ENGINE_URL: 'http://127.0.0.1.evil.example' }, {}],
    [
      'an engine under a name, which the host’s DNS may answer',
      { ENGINE_URL: 'http://localhost:1' },
      {},
    ],
    ['an engine named by the host', {}, { ENGINE_URL: 'http://127.0.0.1:1' }],
    ['a model named by the host', {}, { MODEL: 'other' }],
    ['an unknown setting of the host', {}, { LOG_LEVEL: 'trace' }],
    ['a proxy', { HTTPS_PROXY: 'http://10.0.0.7' }, {}],
    ['options for node', { NODE_OPTIONS: '--inspect' }, {}],
    ['a gateway without TLS', {}, { GATEWAYS: 'http://a.example' }],
    ['an address without a listener', {}, { RUNNER_URL: 'https://r.example' }],
    ['a listener without an address', {}, { RUNNER_LISTEN: '0.0.0.0:8443' }],
    ['a scripted engine', { ENGINE_SCRIPT: 'c5g0', ENGINE_URL: '' }, {}],
    ['keys that live longer than a day', { KEYSET_SECONDS: '86401' }, {}],
  ])('production refuses %s', (_, image, host) => {
    const sources = {
      image: { ...production.image, ...image },
      host: { ...production.host, ...host },
    }
    expect(() => readRunnerConfig(sources)).toThrow(ConfigError)
  })

  test('an absent environment means production, not development', () => {
    const { RUNNER_ENV: _, ...rest } = development
    expect(problemsOf(rest)).toContain('https')
  })
})
