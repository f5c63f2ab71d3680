import { unixMs, unixSeconds } from '#base/brand.ts'
import { type Bytes, utf8 } from '#base/bytes.ts'
import { makeApiKey, readApiKey } from '#gateway/accounts/api-key.ts'
import { AccountError } from '#gateway/accounts/errors.ts'
import { createSessionTokens } from '#gateway/accounts/session-token.ts'
import { webhookUrl } from '#gateway/accounts/webhook-url.ts'
import { ConfigError, readGatewayConfig } from '#gateway/config.ts'
import { accountId } from '#gateway/db/ids.ts'
import { ApiError } from '#gateway/errors.ts'
import { clientAddress } from '#gateway/http/client-address.ts'
import { ipNetworks } from '#gateway/http/ip-networks.ts'
import { addressByHost, addressByPath } from '#gateway/http/runner-address.ts'
import type { InferencePath } from '#gateway/inference/endpoints.ts'
import { readAsk } from '#gateway/inference/read-ask.ts'
import { readRecordingAsk } from '#gateway/inference/read-recording-ask.ts'
import { makeOwnNonce, readOwnNonce, SIGN_IN } from '#gateway/own-nonce.ts'
import { runnerOrigin } from '#gateway/runners/runner-url.ts'
import { proveTunnel } from '#gateway/runners/tunnel-runner.ts'
import { SETTINGS } from '#gateway/settings.ts'
import { ProtocolError, signTunnel } from '#protocol'
import { nodeProvider } from '#protocol/node'
import { type FuzzTarget, saysWhatWasSigned, target, Violation } from '../engine/target.ts'
import { keyset, MODEL, NOW, signer, tunnelClaim } from './messages.ts'
import { jsonBytes, textOf } from './texts.ts'

const ACCOUNT = accountId('0'.repeat(32))
const fixed = (length: number): Bytes => new Uint8Array(length).fill(7)

export async function gatewayTargets(): Promise<readonly FuzzTarget[]> {
  return [
    ...requestTargets(),
    form(),
    ...(await credentialTargets()),
    ...addressTargets(),
    settings(),
    tunnelLine(),
  ]
}

const CHAT = {
  model: MODEL,
  models: ['other'],
  stream: true,
  n: 2,
  max_tokens: 5,
  max_completion_tokens: 7,
  prompt_cache_key: 'a',
  messages: [
    { role: 'user', content: 'hi' },
    { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] },
  ],
  provider: {
    only: ['run_1'],
    ignore: [],
    order: ['run_2'],
    sort: 'price',
    allow_fallbacks: false,
    zdr: true,
    max_price: { prompt: '0.5', completion: 2 },
    aci_verified: true,
    aci_session_ids: ['ab'.repeat(32)],
  },
}
type JsonPath = Exclude<InferencePath, '/v1/audio/transcriptions'>
const BODIES: Readonly<Record<JsonPath, object>> = {
  '/v1/messages/count_tokens': {
    model: MODEL,
    messages: [{ role: 'user', content: 'a' }],
  },
  '/v1/chat/completions': CHAT,
  '/v1/completions': { model: MODEL, prompt: ['a', 'b'], best_of: 3, max_tokens: 5 },
  '/v1/embeddings': { model: MODEL, input: ['a', 'b'] },
  '/v1/responses': { model: MODEL, input: [{ role: 'user', content: 'a' }], max_output_tokens: 5 },
  '/v1/messages': { model: MODEL, max_tokens: 5, messages: [{ role: 'user', content: 'a' }] },
}

function requestTargets(): readonly FuzzTarget[] {
  // Sound: the keys of the table are the paths.
  return (Object.keys(BODIES) as JsonPath[]).map((path) =>
    target({
      name: `body of ${path}`,
      file: 'gateway/inference/read-ask.ts',
      grammar: 'json',
      corpus: [jsonBytes(BODIES[path])],
      errors: [ApiError],
      parse: (b) => readAsk(path, textOf(b), b.length),
      // What is reserved is a whole number of tokens, or money would be made of nothing.
      rule: ({ choices, maxTokens = 1, promptBound }) => {
        // Embeddings have no answer to bound, and counting costs nothing.
        if (path === '/v1/messages/count_tokens') return
        for (const count of [
          choices,
          promptBound,
          maxTokens + (path === '/v1/embeddings' ? 1 : 0),
        ]) {
          if (!Number.isSafeInteger(count) || count < 1) throw new Violation('bounds nothing')
        }
      },
    }),
  )
}

/** A recording with its fields: gateway and runner read the same bytes by the same code. */
function form(): FuzzTarget {
  const lines = [
    '--b',
    'content-disposition: form-data; name="model"',
    '',
    MODEL,
    '--b',
    'Content-Disposition: form-data; name="file"; filename="a.wav"',
    'Content-Type: audio/wav',
    '',
    'RIFF',
    '--b',
    'content-disposition: form-data; name="provider"',
    '',
    '{"zdr":true}',
    '--b',
    'content-disposition: form-data; name="timestamp_granularities[]"',
    '',
    'word',
    '--b--',
    '',
  ]
  return target({
    name: 'body of /v1/audio/transcriptions',
    file: 'protocol/form.ts',
    corpus: [utf8(lines.join('\r\n'))],
    dictionary: [
      '\r\n--b',
      '--',
      '\r\n\r\n',
      'name="',
      'filename="',
      '\\"',
      "filename*=UTF-8''",
      '\r',
      '\n',
    ],
    errors: [ApiError],
    parse: (b) => readRecordingAsk('/v1/audio/transcriptions', b),
    rule: ({ promptBound, maxTokens }) => {
      if (!Number.isSafeInteger(promptBound) || !Number.isSafeInteger(maxTokens)) {
        throw new Violation('bounds nothing')
      }
    },
  })
}

async function credentialTargets(): Promise<readonly FuzzTarget[]> {
  const mac = nodeProvider.hashes.macKey(fixed(32))
  const key = makeApiKey(ACCOUNT, mac, fixed)
  const own = { kind: SIGN_IN, subject: ACCOUNT, now: unixSeconds(NOW) }
  const { nonce } = makeOwnNonce(mac, own, fixed)
  const sessions = createSessionTokens({
    secret: fixed(32),
    gateway: 'https://gateway.example',
    clock: () => unixMs(NOW * 1_000),
  })
  const { token } = await sessions.issue(ACCOUNT, nonce)
  return [
    target({
      name: 'API key, its MAC',
      file: 'gateway/accounts/api-key.ts',
      corpus: [utf8(key)],
      errors: [],
      parse: (b) => readApiKey(textOf(b), mac),
      rule: (account, b) => {
        if (account !== undefined && textOf(b) !== key) throw new Violation('took a key of nobody')
      },
    }),
    target({
      name: 'sign-in nonce, its MAC',
      file: 'gateway/own-nonce.ts',
      corpus: [utf8(nonce)],
      errors: [],
      parse: (b) => readOwnNonce(mac, own, textOf(b)),
      rule: (until, b) => {
        if (until !== undefined && textOf(b) !== nonce)
          throw new Violation('took a nonce of nobody')
      },
    }),
    target({
      name: 'session token (JWT), its MAC',
      file: 'gateway/accounts/session-token.ts',
      corpus: [utf8(token)],
      dictionary: ['.', 'eyJhbGciOiJub25lIn0', '=', '..'],
      errors: [AccountError],
      parse: (b) => sessions.read(textOf(b)),
      rule: (account, b) => {
        if (textOf(b) !== token) throw new Violation(`took a token of nobody for ${account.length}`)
      },
      inputs: 300_000,
    }),
  ]
}

const WORDS = [
  '127.0.0.1',
  '::1',
  '[',
  ']',
  '%25',
  '@',
  '\\',
  '/',
  ':',
  '..',
  '#',
  '?',
  'xn--',
  '0x7f.1',
  '。',
] as const

function addressTargets(): readonly FuzzTarget[] {
  const rules = { loopback: false }
  const trusted = ipNetworks(['10.0.0.0/8', 'fd00::/8', '192.0.2.7'])
  return [
    target({
      name: 'x-forwarded-for',
      file: 'gateway/http/client-address.ts',
      corpus: ['203.0.113.5, 10.0.0.1', '[2001:db8::1]:443, 10.0.0.2', '::ffff:192.0.2.1'].map(
        utf8,
      ),
      dictionary: [...WORDS, ', ', '::ffff:', '10.0.0.1'],
      errors: [],
      parse: (b) => clientAddress('10.0.0.9', textOf(b), trusted),
    }),
    target({
      name: 'networks of proxies',
      file: 'gateway/http/ip-networks.ts',
      corpus: ['10.0.0.0/8,192.0.2.7', '2001:db8::/32', '192.0.2.0/24'].map(utf8),
      dictionary: [...WORDS, '/0', '/128', '::'],
      errors: [RangeError],
      parse: (b) => ipNetworks(textOf(b).split(',')),
      // One that holds everybody would let everybody choose their own address.
      rule: (networks) => {
        if (
          networks.has('203.0.113.77') &&
          networks.has('8.8.8.8') &&
          networks.has('2001:db8::1')
        ) {
          throw new Violation('holds everybody')
        }
      },
    }),
    target({
      name: 'origin of a runner',
      file: 'gateway/runners/runner-url.ts',
      corpus: [
        'https://runner.example',
        'https://runner.example:8443',
        'https://runner.example:9',
      ].map(utf8),
      dictionary: WORDS,
      errors: [ApiError, ProtocolError, RangeError],
      parse: (b) => runnerOrigin(textOf(b), rules),
      rule: (origin) => {
        const { protocol, hostname, username } = new URL(origin)
        const isLocal =
          /^(?:(?:127|10)(?:\.\d+){3}|(?:169\.254|192\.168)(?:\.\d+){2}|localhost|\[::1\]|\[f[cde].*)$/.test(
            hostname,
          )
        if (protocol !== 'https:' || username !== '' || isLocal) throw new Violation('leads inside')
      },
    }),
    target({
      name: 'URL of a webhook',
      file: 'gateway/accounts/webhook-url.ts',
      corpus: ['https://hook.example/a?b=c', 'https://hook.example:9/x'].map(utf8),
      dictionary: WORDS,
      errors: [ApiError, AccountError, ProtocolError, RangeError],
      parse: (b) => webhookUrl(textOf(b), rules),
    }),
    target({
      name: 'a runner’s own address',
      file: 'gateway/http/runner-address.ts',
      corpus: ['/runners/run_ab1/v1/chat/completions', 'run-ab1.runners.example:443'].map(utf8),
      dictionary: WORDS,
      errors: [],
      parse: (b) => [addressByPath(textOf(b)), addressByHost(textOf(b), 'runners.example')],
    }),
  ]
}

/** The environment as lines `NAME=value`. */
function settings(): FuzzTarget {
  const lines = {
    GATEWAY_ENV: 'development',
    GATEWAY_SECRET: '5e'.repeat(32),
    TON_ENDPOINT: 'http://127.0.0.1:9/',
    REGISTRY_ADDRESS: `0:${'11'.repeat(32)}`,
    TILL_ADDRESS: `0:${'12'.repeat(32)}`,
    METER_KEY: '5a'.repeat(32),
    MODELS: '[{"id":"a","name":"b","input":"1","cached":"1","output":"2"}]',
    RATE_TICKERS: '[{"name":"a","url":"https://a.example/","path":["b"]}]',
    TON_WITNESSES: 'https://b.example/,https://c.example/',
    TRUSTED_PROXIES: '10.0.0.0/8',
    ADMIN_KEY: 'an-operator-key-of-the-tests',
    OTEL_EXPORTER_OTLP_HEADERS: 'a=b,c=%20d',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
    USD_RATE: '5.5',
    MIN_CHARGE_TON: '1.5',
  }
  return target({
    name: 'settings of the gateway',
    file: 'gateway/config.ts',
    corpus: [
      utf8(
        Object.entries(lines)
          .map((line) => line.join('='))
          .join('\n'),
      ),
    ],
    dictionary: [
      ...Object.keys(SETTINGS).map((name) => `\n${name}=`),
      '{',
      ']',
      '%',
      'https://',
      ',',
    ],
    errors: [ConfigError],
    parse: (b) => readGatewayConfig(environmentOf(b)),
  })
}

export function environmentOf(bytes: Bytes): Readonly<Record<string, string>> {
  return Object.fromEntries(
    textOf(bytes)
      .split('\n')
      .map((line) => {
        const at = line.indexOf('=')
        return [line.slice(0, Math.max(0, at)), line.slice(at + 1)]
      }),
  )
}

function tunnelLine(): FuzzTarget {
  const line = jsonBytes(signTunnel(tunnelClaim, signer))
  const runner = { id: tunnelClaim.runnerId, lease: { keyset } }
  const deps = { gatewayName: tunnelClaim.gateway, verifier: nodeProvider }
  return target({
    name: 'first line of a tunnel',
    file: 'gateway/runners/tunnel-runner.ts',
    grammar: 'json',
    corpus: [line],
    errors: [ProtocolError],
    // Sound: nothing else of either is read.
    parse: async (b) => {
      await proveTunnel(
        deps as unknown as Parameters<typeof proveTunnel>[0],
        runner as unknown as Parameters<typeof proveTunnel>[1],
        tunnelClaim.challenge,
        b,
      )
      return JSON.stringify(JSON.parse(textOf(b)).tunnel)
    },
    rule: (said) => {
      const { gateway, runner_id, challenge } = JSON.parse(said)
      saysWhatWasSigned([tunnelClaim], ({ gateway: g, runnerId, challenge: c }) =>
        [g, runnerId, c].join(),
      )({
        gateway,
        runnerId: runner_id,
        challenge,
      })
    },
    inputs: 200_000,
  })
}
