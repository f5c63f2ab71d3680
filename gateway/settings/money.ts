import { matching, optional, required } from '#base/parse-setting.ts'
import { setting } from './setting.ts'
import { dollars, oneOf, secretBytes, tickers, tons, url, urls } from './setting-parsers.ts'

const RAW_ADDRESS = /^(?:0|-1):[0-9a-f]{64}$/

/** Keys that move money, and the chain. */
export const MONEY_SETTINGS = {
  METER_KEY: setting({
    help: 'Ed25519 seed in hex that signs charges and vouchers; needs TILL_ADDRESS',
    fallback: undefined,
    parse: optional(secretBytes),
  }),
  GAS_KEY: setting({
    help: 'Ed25519 seed in hex of the wallet that pays the gas of charges and payouts; unset leaves them to hosts',
    fallback: undefined,
    parse: optional(secretBytes),
  }),
  MIN_CHARGE_TON: setting({
    help: 'charge accounts on chain once this much usage is uncollected',
    fallback: '1',
    parse: required(tons),
  }),
  MIN_REDEEM_TON: setting({
    help: 'pay a host on chain once its voucher is worth this much',
    fallback: '1',
    parse: required(tons),
  }),
  TON_NETWORK: setting({
    help: 'mainnet or testnet: part of the gas wallet address',
    fallback: 'mainnet',
    parse: oneOf('mainnet', 'testnet'),
  }),
  TON_ENDPOINT: setting({
    help: 'toncenter-compatible JSON-RPC endpoint',
    fallback: undefined,
    parse: required(url),
  }),
  TON_WITNESSES: setting({
    help: 'further, independent endpoints, separated by commas: credits, debits and payouts need every one to agree',
    fallback: '',
    parse: urls,
  }),
  WEB_TON_ENDPOINTS: setting({
    help: "keyless endpoints through which visitors' browsers read the Registry themselves, separated by commas; fewer than two: the page takes this gateway's word and says so",
    fallback: '',
    parse: urls,
  }),
  TON_API_KEY: setting({
    help: 'key for that endpoint',
    fallback: undefined,
    parse: optional((text) => text),
  }),
  TICKER: setting({
    help: "what the chain's currency is called where people read it",
    fallback: 'TON',
    parse: required(matching(/^[A-Z0-9]{1,10}$/, 'must be 1 to 10 capital letters or digits')),
  }),
  USD_RATE: setting({
    help: 'US dollars for one TON, for display only; unset shows none',
    fallback: undefined,
    parse: optional(dollars),
  }),
  RATE_TICKERS: setting({
    help: 'sources of that rate instead, JSON: [{"name","url","path":["keys","that","lead","to","the","price"]}]; the median is shown',
    fallback: '[]',
    parse: tickers,
  }),
  REGISTRY_ADDRESS: setting({
    help: 'raw address of the Registry (allowlist)',
    fallback: undefined,
    parse: required(matching(RAW_ADDRESS, 'must be a raw TON address (0:<64 hex digits>)')),
  }),
  TILL_ADDRESS: setting({
    help: 'raw address of the Till (prepaid accounts)',
    fallback: undefined,
    parse: optional(matching(RAW_ADDRESS, 'must be a raw TON address (0:<64 hex digits>)')),
  }),
} as const
