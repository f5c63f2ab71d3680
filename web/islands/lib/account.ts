import { listMember, member, numberMember, textMember } from '#base/members.ts'
import type { Nano } from '#base/nano.ts'
import { amount } from '../../read.ts'
import { call } from './gateway.ts'

export interface Account {
  readonly id: string
  readonly mode: 'managed' | 'sovereign'
  readonly available: Nano
  readonly held: Nano
  readonly credited: Nano
  readonly settled: Nano
  /** Unix seconds; null while no exit is ordered. */
  readonly exitAt: number | null
  readonly till: string | undefined
}

export interface UsedRequest {
  readonly id: string
  readonly model: string
  readonly key: string
  /** Unix seconds. */
  readonly at: number
  readonly prompt: number
  readonly cached: number
  readonly completion: number
  readonly finish: string
  readonly cost: Nano
  readonly session: string
}

export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly masked: string
  readonly sealedOnly: boolean
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly createdAt: number
}

export async function readAccount(key: string): Promise<Account> {
  const json = await call('/v1/account', { key })
  const balance = member(json, 'balance')
  return {
    id: textMember(json, 'id') ?? '',
    mode: textMember(json, 'mode') === 'sovereign' ? 'sovereign' : 'managed',
    available: amount(balance, 'available'),
    held: amount(balance, 'held'),
    credited: amount(json, 'credited'),
    settled: amount(json, 'settled'),
    exitAt: numberMember(json, 'exit_at') ?? null,
    till: textMember(member(json, 'deposit'), 'till'),
  }
}

export interface UsagePage {
  readonly requests: readonly UsedRequest[]
  /** Continues here; null at the end. */
  readonly next: number | null
}

export async function readUsage(key: string, before: number | null): Promise<UsagePage> {
  const json = await call(`/v1/account/usage${before === null ? '' : `?before=${before}`}`, { key })
  return {
    requests: listMember(json, 'data').map(usedRequest),
    next: numberMember(json, 'next_before') ?? null,
  }
}

function usedRequest(entry: unknown): UsedRequest {
  return {
    id: textMember(entry, 'id') ?? '',
    model: textMember(entry, 'model') ?? '',
    key: textMember(entry, 'key_id') ?? '',
    at: numberMember(entry, 'created_at') ?? 0,
    prompt: numberMember(entry, 'tokens_prompt') ?? 0,
    cached: numberMember(entry, 'tokens_cached') ?? 0,
    completion: numberMember(entry, 'tokens_completion') ?? 0,
    finish: textMember(entry, 'finish') ?? '',
    cost: amount(entry, 'cost'),
    session: textMember(entry, 'session_id') ?? '',
  }
}

export async function readKeys(key: string): Promise<readonly ApiKey[]> {
  return listMember(await call('/v1/keys', { key }), 'data').map((entry) => ({
    id: textMember(entry, 'id') ?? '',
    name: textMember(entry, 'name') ?? '',
    masked: textMember(entry, 'masked') ?? '',
    sealedOnly: member(entry, 'sealed_only') === true,
    expiresAt: numberMember(entry, 'expires_at') ?? null,
    revokedAt: numberMember(entry, 'revoked_at') ?? null,
    createdAt: numberMember(entry, 'created_at') ?? 0,
  }))
}
