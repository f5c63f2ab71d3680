import { type UnixSeconds, unixMs, unixSeconds } from '#base/brand.ts'
import { type Nano, nano, nanoPerMillion } from '#base/nano.ts'
import {
  type AccountId,
  accountId,
  requestId,
  runnerId,
  sessionId,
  tonAddress,
} from '../../db/ids.ts'
import type { MirrorAccount, Reserve, Settle, Terms } from '../port.ts'

export const NOW = unixMs(1_700_000_000_000)
export const NOW_S = unixSeconds(1_700_000_000)
export const DEADLINE = unixSeconds(NOW_S + 21_600)
export const DAY_S = 86_400

export const ALICE = accountId('A'.repeat(32))
export const BOB = accountId('B'.repeat(32))
export const HOST = tonAddress(`0:${'11'.repeat(32)}`)
export const OTHER_HOST = tonAddress(`0:${'22'.repeat(32)}`)
export const TILL = tonAddress(`0:${'77'.repeat(32)}`)

/** Prices at which one token of input costs 3 nano and one of output 7: sums are easy to see. */
export const TERMS: Terms = {
  model: 'cocoon/demo',
  runner: runnerId('run_one'),
  session: sessionId('sha256:one'),
  payee: HOST,
  price: {
    input: nanoPerMillion(3_000_000n),
    cached: nanoPerMillion(1_000_000n),
    output: nanoPerMillion(7_000_000n),
  },
  commissionBps: 1_000,
}
export const OTHER_TERMS: Terms = {
  ...TERMS,
  runner: runnerId('run_two'),
  session: sessionId('sha256:two'),
  payee: OTHER_HOST,
}

export function request(number: number): Reserve['request'] {
  return requestId(`req_${number.toString(16).padStart(32, '0')}`)
}

export function mirror(
  account: AccountId,
  credit: bigint,
  said: Partial<Omit<MirrorAccount, 'op'>> = {},
): MirrorAccount {
  return {
    op: 'mirror_account',
    account,
    mode: 'managed',
    credit: nano(credit),
    debit: nano(0n),
    paidOut: nano(0n),
    exitAt: null,
    cap: null,
    seqno: 1,
    at: NOW,
    ...said,
  }
}

export function reserve(
  number: number,
  amount: bigint,
  said: Partial<Omit<Reserve, 'op'>> = {},
): Reserve {
  return {
    op: 'reserve',
    account: ALICE,
    request: request(number),
    attempt: 1,
    key: null,
    amount: nano(amount),
    terms: TERMS,
    deadline: DEADLINE,
    at: NOW,
    ...said,
  }
}

/** A receipt over `output` tokens, 7 nano each. */
export function settle(
  number: number,
  output: number,
  said: Partial<Omit<Settle, 'op'>> = {},
): Settle {
  return {
    op: 'settle',
    account: ALICE,
    request: request(number),
    attempt: 1,
    runner: TERMS.runner,
    payee: TERMS.payee,
    usage: {
      prompt_tokens: 0,
      cached_tokens: 0,
      completion_tokens: output,
      reasoning_tokens: 0,
    },
    stop: 'normal',
    at: NOW,
    receipt: `{"receipt_id":"${number}"}`,
    ...said,
  }
}

export function later(seconds: number): UnixSeconds {
  return unixSeconds(NOW_S + seconds)
}

export function amount(value: bigint): Nano {
  return nano(value)
}
