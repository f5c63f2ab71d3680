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
  readonly role: string
  /** NanoTON a UTC day; undefined for none. */
  readonly dailyBudget: Nano | undefined
  readonly requestsPerMinute: number | undefined
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

/** What the Till's watcher makes of a transaction, for people. */
export const EVENT_KINDS = [
  ['orphan', 'Without a valid memo'],
  ['unattributed', 'Not attributed'],
  ['returned', 'Returned'],
  ['deposit', 'Deposit'],
  ['operation', 'Charge or exit'],
] as const

/** A transaction of the Till, as the watcher read it. */
export interface ChainEvent {
  readonly kind: string
  readonly value: Nano
  readonly lt: string
  readonly hash: string
  /** Unix seconds. */
  readonly at: number
  readonly sender: string | undefined
  readonly account: string | undefined
  readonly reason: string | undefined
}

export function eventsOf(json: unknown): readonly ChainEvent[] {
  return listMember(json, 'data').map((entry) => ({
    kind: textMember(entry, 'kind') ?? '',
    value: amount(entry, 'value'),
    lt: textMember(entry, 'lt') ?? '',
    hash: textMember(entry, 'hash') ?? '',
    at: numberMember(entry, 'at') ?? 0,
    sender: textMember(entry, 'sender'),
    account: textMember(entry, 'account'),
    reason: textMember(entry, 'reason'),
  }))
}

/** A deposit that was seen on chain and is not credited yet. */
export interface WaitingDeposit {
  readonly value: Nano
  readonly hash: string
  readonly waitsFor: string
}

export interface Deposits {
  readonly events: readonly ChainEvent[]
  readonly waiting: readonly WaitingDeposit[]
}

export async function readDeposits(key: string): Promise<Deposits> {
  const json = await call('/v1/account/deposits', { key })
  const waiting = listMember(json, 'waiting').map((entry) => ({
    value: amount(entry, 'value'),
    hash: textMember(entry, 'hash') ?? '',
    waitsFor: textMember(entry, 'waits_for') ?? '',
  }))
  return { events: eventsOf(json), waiting }
}

/** What one model and one key cost on one day. */
export interface DailySum {
  /** Unix seconds of the day's beginning (UTC). */
  readonly at: number
  readonly model: string
  readonly key: string
  readonly requests: number
  readonly cost: Nano
}

export async function readDailySums(key: string): Promise<readonly DailySum[]> {
  const json = await call('/v1/account/usage?group_by=day,model,key', { key })
  return listMember(json, 'data').map((entry) => ({
    at: Math.floor(Date.parse(`${textMember(entry, 'day')}T00:00:00Z`) / 1000),
    model: textMember(entry, 'model') ?? '',
    key: textMember(entry, 'key_id') ?? '',
    requests: numberMember(entry, 'requests') ?? 0,
    cost: amount(entry, 'cost'),
  }))
}

export async function readKeys(key: string): Promise<readonly ApiKey[]> {
  return listMember(await call('/v1/keys', { key }), 'data').map((entry) => ({
    id: textMember(entry, 'id') ?? '',
    name: textMember(entry, 'name') ?? '',
    masked: textMember(entry, 'masked') ?? '',
    sealedOnly: member(entry, 'sealed_only') === true,
    role: textMember(entry, 'role') ?? '',
    dailyBudget: limitOf(entry),
    requestsPerMinute: numberMember(entry, 'requests_per_minute'),
    expiresAt: numberMember(entry, 'expires_at') ?? null,
    revokedAt: numberMember(entry, 'revoked_at') ?? null,
    createdAt: numberMember(entry, 'created_at') ?? 0,
  }))
}

function limitOf(entry: unknown): Nano | undefined {
  const budget = member(entry, 'budget')
  return textMember(budget, 'day') === undefined ? undefined : amount(budget, 'day')
}
