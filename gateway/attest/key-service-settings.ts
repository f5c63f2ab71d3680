import { type Bytes, fromHex } from '#base/bytes.ts'
import { ConfigError } from '../config.ts'
import type { Settings } from '../settings.ts'
import { RELEASED_NAMES } from './released-settings.ts'

export interface KeyServiceSettings {
  readonly url: string
  /** Ed25519 key of the service: an image that fixes it gets its keys from no one else. */
  readonly publicKey: Bytes
  readonly origin: string
}

const KEY = /^[0-9a-f]{64}$/
const NEEDED = ['KEY_SERVICE_KEY', 'PUBLIC_URL'] as const

/**
 * Where this gateway gets its keys; undefined where its environment holds them. Read before everything else, since
 * the other settings are not complete without the answer.
 * @throws ConfigError
 */
export function readKeyServiceSettings(env: Settings): KeyServiceSettings | undefined {
  const given = (name: string): string | undefined => (env[name] === '' ? undefined : env[name])
  const url = given('KEY_SERVICE')
  if (url === undefined) return undefined
  const [key, origin] = NEEDED.map(given)
  const problems = [
    ...(URL.canParse(url) ? [] : ['KEY_SERVICE must be a URL']),
    ...NEEDED.filter((name) => given(name) === undefined).map(
      (name) => `KEY_SERVICE needs ${name}`,
    ),
    ...(key === undefined || KEY.test(key) ? [] : ['KEY_SERVICE_KEY must be 64 hex digits']),
    ...(given('GATEWAY_TEE') === 'on' ? [] : ['KEY_SERVICE needs GATEWAY_TEE=on']),
    ...RELEASED_NAMES.filter((name) => given(name) !== undefined).map(
      (name) => `${name} comes from KEY_SERVICE, and stands in no environment beside it`,
    ),
  ]
  if (problems.length > 0 || key === undefined || origin === undefined) {
    throw new ConfigError('invalid', problems.join('; '))
  }
  return { url, publicKey: fromHex(key), origin }
}
