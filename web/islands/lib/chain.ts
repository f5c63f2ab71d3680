import { fromUtf8 } from '#base/bytes.ts'
import { listMember, member, numberMember } from '#base/members.ts'
import { readBounded } from '#base/read-bounded.ts'
import { type AccountId, accountNumber } from '#contracts/pure'
import { site } from './browser.ts'

/** What the Till says of an account on chain. */
export interface TillAccount {
  /** NanoTON that its owner could take out. */
  readonly available: bigint
  readonly nonce: number
  /** Unix seconds; 0 while no exit is ordered. */
  readonly exitAt: number
}

/** Asks the chain itself. @throws Error when it does not answer */
export async function readTillAccount(till: string, account: AccountId): Promise<TillAccount> {
  const stack = [['num', `0x${accountNumber(account).toString(16)}`]]
  const result = await askChain('runGetMethod', { address: till, method: 'account', stack })
  const numbers = listMember(result, 'stack').map(readNumber)
  const [, , , available, , nonce, exitAt] = numbers
  if (numberMember(result, 'exit_code') !== 0 || available === undefined) {
    throw new Error('The Till does not answer at this address.')
  }
  return { available, nonce: Number(nonce ?? 0n), exitAt: Number(exitAt ?? 0n) }
}

function readNumber(entry: unknown): bigint {
  const value = Array.isArray(entry) ? entry[1] : undefined
  return typeof value === 'string' && /^-?0x[0-9a-f]+$/i.test(value) ? BigInt(value) : 0n
}

const MAX_ANSWER_BYTES = 1024 * 1024

/** One call of the first TON endpoint that this page may ask. */
export async function askChain(method: string, params: object): Promise<unknown> {
  const [endpoint] = site.endpoints
  if (endpoint === undefined) throw new Error('This page may ask no TON endpoint.')
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: '1', method, params }),
  })
  const bytes = await readBounded(response, MAX_ANSWER_BYTES)
  if (bytes === undefined) throw new Error('The chain says more than was asked.')
  const answer: unknown = JSON.parse(fromUtf8(bytes))
  if (member(answer, 'ok') !== true) throw new Error('The chain refused the question.')
  return member(answer, 'result')
}
