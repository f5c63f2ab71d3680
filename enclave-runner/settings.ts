import { matching, optional, required } from '#base/parse-setting.ts'
import { MODALITIES } from '#protocol'
import {
  engineUrl,
  integer,
  isLocal,
  listen,
  oneOf,
  origins,
  originUrl,
  someOf,
  tons,
} from './setting-parsers.ts'

/** Settings by name, as an environment holds them. */
export type Settings = Readonly<Record<string, string | undefined>>

interface Setting<T> {
  /** Command-line form: `--wallet`. */
  readonly flag: string
  readonly help: string
  /** Taken when the setting is absent or empty; undefined when absence has a meaning of its own. */
  readonly fallback: string | undefined
  /** Whether an untrusted host may give it to a production image: wallet, gateways and network (C3). */
  readonly host: boolean
  /** @throws RangeError whose message completes "NAME …" */
  readonly parse: (text: string | undefined) => T
  /** A rule that production adds. @throws RangeError */
  readonly production: (value: T) => void
}

const MAX_KEYSET_SECONDS = 86_400
const MIN_KEYSET_SECONDS = 600
const DIGEST = /^sha256:[0-9a-f]{64}$/
const RAW_ADDRESS = /^(?:0|-1):[0-9a-f]{64}$/
const MODEL_ID = /^[\x21-\x7e]{1,200}$/

function setting<T>(entry: Omit<Setting<T>, 'production'>): Setting<T> {
  return { ...entry, production: () => {} }
}

/** Adds a rule for production. */
function guarded<T>(entry: Setting<T>, production: (value: T) => void): Setting<T> {
  return { ...entry, production }
}

/** Every setting of the runner, once: names, flags, defaults and rules. */
export const SETTINGS = {
  RUNNER_ENV: setting({
    flag: 'env',
    help: 'production (default) or development',
    fallback: 'production',
    host: false,
    parse: oneOf('production', 'development'),
  }),
  WALLET: setting({
    flag: 'wallet',
    help: 'TON address that earns',
    fallback: undefined,
    host: true,
    parse: required(matching(RAW_ADDRESS, 'must be a raw TON address (0:<64 hex digits>)')),
  }),
  GATEWAYS: guarded(
    setting({
      flag: 'gateways',
      help: 'origins of the gateways to serve, separated by commas',
      fallback: undefined,
      host: true,
      parse: required(origins),
    }),
    (values) => {
      if (values.some((origin) => !origin.startsWith('https:'))) {
        throw new RangeError('must be https origins in production')
      }
    },
  ),
  RUNNER_LISTEN: setting({
    flag: 'listen',
    help: 'host:port to listen on, with RUNNER_URL; default: none, the runner dials out',
    fallback: undefined,
    host: true,
    parse: optional(listen),
  }),
  RUNNER_URL: guarded(
    setting({
      flag: 'url',
      help: 'https origin under which gateways reach RUNNER_LISTEN; default: none, the runner dials out',
      fallback: undefined,
      host: true,
      parse: optional(originUrl),
    }),
    (value) => {
      if (value !== undefined && !value.startsWith('https:')) {
        throw new RangeError('must be an https origin in production')
      }
    },
  ),
  OUTBOX_PATH: setting({
    flag: 'outbox',
    help: 'file that keeps receipts until a gateway has them',
    fallback: 'cocoon-runner.outbox',
    host: false,
    parse: required((text) => text),
  }),
  MODEL: setting({
    flag: 'model',
    help: 'model id under which requests name it',
    fallback: undefined,
    host: false,
    parse: required(matching(MODEL_ID, 'must be 1 to 200 printable characters without spaces')),
  }),
  WEIGHTS_DIGEST: setting({
    flag: 'weights-digest',
    help: 'sha256:<hex> of the weights; default: computed from the weights file',
    fallback: undefined,
    host: false,
    parse: optional(matching(DIGEST, 'must be sha256:<64 hex digits>')),
  }),
  WEIGHTS_PATH: setting({
    flag: 'weights',
    help: 'file or folder of the weights; the runner measures them and starts ENGINE on them',
    fallback: undefined,
    host: false,
    parse: optional((text) => text),
  }),
  ENGINE: setting({
    flag: 'engine',
    help: 'vllm or llama-server: started and confined by the runner; demo: the built-in one',
    fallback: 'demo',
    host: false,
    parse: oneOf('demo', 'vllm', 'llama-server'),
  }),
  ENGINE_PATH: setting({
    flag: 'engine-path',
    help: "folders in which ENGINE's program is looked for, separated by colons",
    fallback: '/usr/local/bin:/usr/bin:/bin',
    host: false,
    parse: required((text) => text),
  }),
  ENGINE_URL: guarded(
    setting({
      flag: 'engine-url',
      help: 'OpenAI-compatible engine (http://… or unix:/…); default: the demonstration model',
      fallback: undefined,
      host: false,
      parse: optional(engineUrl),
    }),
    (value) => {
      if (value !== undefined && !isLocal(value)) {
        throw new RangeError('must be a loopback address or a unix socket in production')
      }
    },
  ),
  ENGINE_API_KEY: setting({
    flag: 'engine-api-key',
    help: 'bearer token of the engine, if it wants one',
    fallback: undefined,
    host: false,
    parse: optional((text) => text),
  }),
  ENGINE_MODEL: setting({
    flag: 'engine-model',
    help: "the engine's own name for the model; default: the first that it lists",
    fallback: undefined,
    host: false,
    parse: optional((text) => text),
  }),
  ENGINE_SCRIPT: guarded(
    setting({
      flag: 'engine-script',
      help: 'c<N>g<ms>: plays a script instead of a model; for tests and load only',
      fallback: undefined,
      host: false,
      parse: optional((text) => text),
    }),
    (value) => {
      if (value !== undefined) throw new RangeError('is refused in production')
    },
  ),
  CONTEXT_LENGTH: setting({
    flag: 'context-length',
    help: 'tokens of prompt and answer together; default: what the engine tells',
    fallback: undefined,
    host: false,
    parse: optional(integer(1, 100_000_000)),
  }),
  MAX_OUTPUT_TOKENS: setting({
    flag: 'max-output-tokens',
    help: 'most tokens of one answer; default: the context length',
    fallback: undefined,
    host: false,
    parse: optional(integer(1, 100_000_000)),
  }),
  INPUT_MODALITIES: setting({
    flag: 'input-modalities',
    help: 'what the model takes where its engine does not tell: text,image,audio,video,file',
    fallback: 'text',
    host: false,
    parse: required(someOf(...MODALITIES)),
  }),
  PRICE_COEFFICIENT_BPS: setting({
    flag: 'price-coefficient-bps',
    help: "your price as a share of the operator's base price, in basis points",
    fallback: '10000',
    host: true,
    parse: required(integer(0, 1_000_000)),
  }),
  CAPACITY: setting({
    flag: 'capacity',
    help: 'requests served at once',
    fallback: '64',
    host: false,
    parse: required(integer(1, 100_000)),
  }),
  CREDIT_LIMIT_TON: setting({
    flag: 'credit-limit-ton',
    help: 'most unpaid work for one gateway, in TON',
    fallback: '10',
    host: true,
    parse: required(tons),
  }),
  KEYSET_SECONDS: setting({
    flag: 'keyset-seconds',
    help: 'lifetime of the keys before they rotate, at most a day',
    fallback: '43200',
    host: false,
    parse: required(integer(MIN_KEYSET_SECONDS, MAX_KEYSET_SECONDS)),
  }),
}

export type SettingName = keyof typeof SETTINGS

export type SettingValues = {
  readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]['parse']>
}
