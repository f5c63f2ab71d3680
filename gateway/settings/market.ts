import { matching, optional } from '#base/parse-setting.ts'
import type { PlaintextRule } from '../inference/deps.ts'
import type { HostProofRule } from '../runners/host-proof-rule.ts'
import { setting } from './setting.ts'
import { hashes, integer, models, oneOf, url } from './setting-parsers.ts'

const MAX_BPS = 9_999
const MAX_COEFFICIENT_BPS = 1_000_000

/** What is sold, at which prices, and which runners may serve it. */
export const MARKET_SETTINGS = {
  MODELS: setting({
    help: 'models on sale, JSON: [{"id","name","input","cached","output","demonstration"}], prices in nanoTON per million tokens as strings',
    fallback: '[]',
    parse: models,
  }),
  COMMISSION_BPS: setting({
    help: "operator's share of what developers pay, basis points",
    fallback: '500',
    parse: integer(0, MAX_BPS),
  }),
  MAX_PRICE_COEFFICIENT_BPS: setting({
    help: 'most that a host may ask, as a share of the base price, basis points',
    fallback: '20000',
    parse: integer(0, MAX_COEFFICIENT_BPS),
  }),
  PLAINTEXT: setting({
    help: 'unsealed requests: allow, attested (only when this gateway attests itself) or refuse',
    fallback: 'allow',
    parse: oneOf<PlaintextRule>('allow', 'attested', 'refuse'),
  }),
  GATEWAY_TEE: setting({
    help: 'on: this is a confidential machine, and the gateway shows evidence of its own',
    fallback: 'off',
    parse: oneOf('off', 'on'),
  }),
  KEY_SERVICE: setting({
    help: 'URL of a cocoon key-service that releases GATEWAY_SECRET, METER_KEY and other keys to this machine for its evidence; needs GATEWAY_TEE=on',
    fallback: undefined,
    parse: optional(url),
  }),
  KEY_SERVICE_KEY: setting({
    help: 'public key of that service in hex, as it prints it: belongs into the measured image',
    fallback: undefined,
    parse: optional(matching(/^[0-9a-f]{64}$/, 'must be 64 hex digits')),
  }),
  GPU: setting({
    help: 'confidential GPU evidence of runners: required or optional',
    fallback: 'required',
    parse: oneOf('required', 'optional'),
  }),
  HOST_PROOF: setting({
    help: "proof that a host controls the wallet it is paid at, by TON Connect's ton_proof: required or off",
    fallback: 'required',
    parse: oneOf<HostProofRule>('required', 'off'),
  }),
  DENIED_HASHES: setting({
    help: 'Registry hashes (image, model, platform) that this operator denies, separated by commas',
    fallback: '',
    parse: hashes,
  }),
} as const
