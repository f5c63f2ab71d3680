import { CodedError } from '#base/coded-error.ts'

/**
 * Everything that this client refuses, with the HTTP status under which `cocoon.fetch` and the proxy report it,
 * whether the very same call may be repeated, and what its reader does about it. Nothing here is ever answered by
 * sending a body in the clear.
 */
const ERRORS = {
  /** An option is wrong or missing. Action: fix the call. */
  bad_option: [400, false, 'Correct the option named here.'],
  /** The API key would cross a network in the clear. Action: use https. */
  insecure_base_url: [400, false, 'Use https://, or a loopback address.'],
  /** The request is for another origin than the verified one. Action: fix the URL. */
  cross_origin: [400, false, 'Send only to the baseURL that connect() returned.'],
  /** The URL holds credentials. Action: remove them. */
  url_credentials: [400, false, 'Remove the user name and password from the URL.'],
  /** The caller set a header that the seal owns. Action: remove it. */
  reserved_header: [400, false, 'Remove the header named here: sealing sets it.'],
  /** There is no sealed form of this request. Action: use another endpoint, or a plain client knowingly. */
  unsealable: [400, false, 'Only the inference endpoints can be sealed; nothing was sent.'],
  /** The peer speaks another version of the protocol. Action: upgrade. */
  version_unsupported: [
    426,
    false,
    'Upgrade the older side: npm install cocoon-gateway@latest here, or tell the gateway’s operator.',
  ],
  /** The body is not a JSON object that names a model. Action: fix the body. */
  bad_request_body: [400, false, 'Send a JSON object with a model.'],
  /** None of the sessions that the body lists can serve. Action: list others. */
  session_not_accepted: [412, false, 'List other sessions in provider.aci_session_ids, or none.'],
  /** The body is larger than a runner takes. Action: send less. */
  request_too_large: [413, false, 'Shorten the request.'],
  /** No runner of this gateway serves the model. Action: choose another model. */
  model_not_found: [404, false, 'Choose a model of GET /v1/models.'],
  /** No runner serves the model at this endpoint. Action: use another endpoint, or another model. */
  unsupported_endpoint: [404, false, 'See the endpoints of the model in GET /v1/models.'],
  /** The gateway cannot be reached. Action: retry later. */
  gateway_unreachable: [502, true, 'Check the address and the network, then try again.'],
  /** The gateway answered something that is not its API. Action: stop; check the address. */
  gateway_misbehaved: [502, false, 'Check that baseURL is a Cocoon gateway; tell its operator.'],
  /** None of the offered runners passed verification. Action: read the reasons; another gateway. */
  no_verified_runner: [503, true, 'See the reasons in verification.refused; nothing was sent.'],
  /** Evidence is simulated and that was not asked for. Action: production evidence, or `allowSimulated`. */
  simulated_refused: [
    503,
    false,
    'This is a development world. Pass allowSimulated: true only if no secret is at stake.',
  ],
  /** The allowlist comes from the gateway itself. Action: give two TON endpoints. */
  allowlist_untrusted: [
    503,
    false,
    'Give two independent TON endpoints, or trustGatewayAllowlist: true in development.',
  ],
  /** The Registry cannot be read. Action: retry, or another endpoint. */
  registry_unreachable: [503, true, 'Check the TON endpoints.'],
  /** The contract at the Registry's address is another one. Action: stop; correct the address. */
  registry_wrong: [503, false, 'Check the Registry address against the release notes.'],
  /** Two endpoints tell different allowlists. Action: stop; replace an endpoint. */
  registry_disagrees: [503, false, 'One of the TON endpoints lies or lags: replace it.'],
  /** The allowlist is older than ten minutes, or older than one seen before. Action: another endpoint. */
  registry_stale: [503, true, 'The TON endpoint is behind or frozen: use another one.'],
  /** A session document is not the one its id names. Action: stop; tell the operator. */
  session_mismatch: [503, false, 'The gateway offered a forged session; use another gateway.'],
  /** The runner's keyset or report is not what the session promised. Action: stop. */
  keyset_mismatch: [503, false, 'The offered keys are not the attested ones; use another gateway.'],
  /** The keyset has expired or lives longer than a day. Action: re-attest. */
  keyset_expired: [503, true, 'The runner must attest new keys; another one is tried.'],
  /** Evidence failed a check. Action: another runner. */
  evidence_refused: [
    503,
    false,
    'The hardware evidence failed; the check is named in the reasons.',
  ],
  /** Runners kept saying that their keys had changed. Action: retry later. */
  keys_unstable: [503, true, 'The runner keeps refusing verified keys; try again later.'],
  /** Every runner that may see this prompt is gone. Action: retry. */
  runner_gone: [503, true, 'No verified runner answered; try again.'],
  /** The account lacks money. Action: top up by the link given here, and by no other. */
  insufficient_credits: [402, false, 'Top up.'],
  /** A sovereign account pays by cheques, and this client signs none. Action: pass `cheques`. */
  cheque_due: [402, false, 'Pass cheques to connect(), or send a cheque yourself.'],
  /** Everything owed is paid by cheque, but earlier requests are not settled yet. Action: retry. */
  usage_unsettled: [402, true, 'Earlier requests are being settled: try again in a moment.'],
  /** The price is above the caller's ceiling. Action: raise maxCost, or send less. */
  cost_above_maximum: [402, false, 'Raise maxCost or lower max_tokens.'],
  /** The gateway does not accept the API key. Action: another key. */
  invalid_api_key: [401, false, 'Check the API key.'],
  /** The gateway refuses the key for this. Action: ask the operator. */
  forbidden: [403, false, 'The gateway refuses this key for this request.'],
  /** The gateway limits requests. Action: slow down. */
  rate_limited: [429, true, 'Wait and try again.'],
  /** Gateway or runner refuses the message as wrong. Action: fix, or upgrade. */
  refused_unsealed: [400, false, 'Gateway or runner did not take the message; upgrade the client.'],
  /** A 2xx answer, or one that must be sealed, came without a seal. Action: stop. */
  answer_unsealed: [502, false, 'Somebody answered instead of the runner; use another gateway.'],
  /** The connection broke, or the answer was cut, before its END. Action: retry; do not use the part. */
  answer_cut: [502, true, 'Discard the part that came, and try again.'],
  /** The answer was altered, reordered or is another request's. Action: stop; do not trust its text. */
  answer_broken: [502, false, 'Discard this answer: it was altered on the way.'],
  /** The answer's type or status is not what was sealed. Action: stop. */
  answer_mislabelled: [502, false, 'Discard this answer: its status or type was altered.'],
  /** The receipt is absent or does not fit what was sent and received. Action: stop; dispute the bill. */
  receipt_mismatch: [502, false, 'Keep the request id and dispute the bill.'],
  /** The receipt bills more than was agreed or can be. Action: stop; dispute the bill. */
  bill_implausible: [502, false, 'Keep the request id and dispute the bill.'],
  /** The caller went away or gave up. Action: none. */
  aborted: [499, false, 'The request was cancelled.'],
} as const satisfies Record<string, readonly [status: number, retry: boolean, remedy: string]>

export type ClientErrorCode = keyof typeof ERRORS

/** The one error of this folder. Messages hold ids, codes and counts, never content or keys. */
export class ClientError extends CodedError<ClientErrorCode> {
  override readonly name = 'ClientError'

  /** What happened, without what to do about it. */
  readonly what: string

  constructor(code: ClientErrorCode, what: string, options?: ErrorOptions) {
    super(code, `${what}. ${ERRORS[code][2]}`, options)
    this.what = what
  }

  get status(): number {
    return ERRORS[this.code][0]
  }

  /** Whether the very same call may succeed a little later. */
  get retry(): boolean {
    return ERRORS[this.code][1]
  }
}

/** The code of anything thrown, for reasons that are shown to a person. */
export function reasonOf(error: unknown): string {
  if (error instanceof ClientError) return `${error.code}: ${error.what}`
  if (error instanceof CodedError) return `${String(error.code)}: ${error.message}`
  return error instanceof Error ? error.name : 'unknown'
}
