import { CodedError } from '#base/coded-error.ts'

/**
 * `unavailable`, `rate_limited`: the provider; retry. `bad_answer`: it answered what toncenter does not; look at it.
 * `stale`, `regressed`: it shows the past; retry, or use another. `gap`, `fork`: its history does not connect to ours;
 * stop and look, nothing is credited meanwhile. `untrusted`: providers disagree, or one alone would credit too
 * much (M11); retry, then look. `refused`: the contract's get-method failed; fix the address.
 */
export type MoneyErrorCode =
  | 'unavailable'
  | 'rate_limited'
  | 'bad_answer'
  | 'stale'
  | 'regressed'
  | 'gap'
  | 'fork'
  | 'untrusted'
  | 'refused'

export class MoneyError extends CodedError<MoneyErrorCode> {}
