import { z } from 'zod'
import { formatTon } from '#base/nano.ts'
import { columns } from '../columns.ts'
import { type CommandIo, EXIT, UsageError } from '../command.ts'
import { readJson } from '../read-json.ts'
import { verb } from '../verbs.ts'
import { printable } from '../verify/printable.ts'
import {
  ACCOUNT_OPTIONS,
  type AccountFlags,
  ask,
  JSON_OPTION,
  type JsonFlag,
  openAccountAt,
} from './gateway-account.ts'
import { keyWish, LIMIT_OPTIONS, type LimitFlags } from './limits.ts'
import { nanoText } from './nano-text.ts'

const amount = nanoText.nullable()
const count = z.number().int().nullable()
/** Up to the year 9999, as `Date` can show it. */
const time = z.number().int().min(0).max(253_402_300_799).nullable()
const Key = z.object({
  id: z.string(),
  name: z.string(),
  masked: z.string(),
  role: z.string(),
  sealed_only: z.boolean(),
  models: z.array(z.string()).nullable(),
  allowed_origins: z.array(z.string()).nullable(),
  max_price: z.object({ input: amount, output: amount }),
  requests_per_minute: count,
  tokens_per_minute: count,
  concurrency: count,
  budget: z.object({ total: amount, day: amount, week: amount, month: amount }).nullable(),
  expires_at: time,
  revoked_at: time,
  previous_until: time,
})
type Key = z.infer<typeof Key>
const Keys = z.object({ data: z.array(Key) })
const Issued = Key.extend({ key: z.string() })

/** What an admin key does with the account's API keys. */
export const KEY_VERBS = {
  list: verb({ ...ACCOUNT_OPTIONS, ...JSON_OPTION }, list),
  create: verb({ ...ACCOUNT_OPTIONS, ...LIMIT_OPTIONS, ...JSON_OPTION }, create),
  rotate: verb({ ...ACCOUNT_OPTIONS, 'grace-seconds': { type: 'string' } }, rotate, 1),
  revoke: verb(ACCOUNT_OPTIONS, revoke, 1),
}

async function list(io: CommandIo, flags: AccountFlags & JsonFlag): Promise<number> {
  const account = await openAccountAt(io, flags)
  const answer = await readJson(await ask(account, '/v1/keys'))
  const { data } = Keys.parse(answer)
  if (flags.json === true) {
    io.out(JSON.stringify(answer))
    return EXIT.ok
  }
  const now = io.clock() / 1000
  const rows = data.map((key) => [
    key.id,
    key.masked,
    key.role,
    stateOf(key, now),
    limitsOf(key).join(', ') || 'none',
    key.name,
  ])
  const header = ['id', 'key', 'role', 'state', 'limits', 'name']
  for (const line of columns(
    header,
    rows.map((row) => row.map(printable)),
  ))
    io.out(line)
  return EXIT.ok
}

async function create(io: CommandIo, flags: AccountFlags & LimitFlags & JsonFlag): Promise<number> {
  const body = keyWish(flags)
  const account = await openAccountAt(io, flags)
  const answer = await readJson(await ask(account, '/v1/keys', { body }))
  const key = Issued.parse(answer)
  if (flags.json === true) {
    io.out(JSON.stringify(answer))
    return EXIT.ok
  }
  io.out(`id      ${printable(key.id)}`)
  io.out(`limits  ${printable(limitsOf(key).join(', ') || 'none')}`)
  io.out(`API key (shown once): ${printable(key.key)}`)
  return EXIT.ok
}

async function rotate(
  io: CommandIo,
  flags: AccountFlags & { readonly 'grace-seconds'?: string | undefined },
  args: readonly string[],
): Promise<number> {
  const id = oneId(args)
  const grace = flags['grace-seconds']
  if (grace !== undefined && !/^[0-9]{1,7}$/.test(grace)) {
    throw new UsageError('--grace-seconds takes a whole number: how long the old text still works')
  }
  const body = grace === undefined ? {} : { grace_seconds: Number(grace) }
  const account = await openAccountAt(io, flags)
  const answer = await ask(account, `/v1/keys/${encodeURIComponent(id)}/rotate`, { body })
  const key = Issued.parse(await readJson(answer))
  const until = key.previous_until
  io.out(`id      ${printable(key.id)}`)
  io.out(`before  ${until === null ? 'no longer works' : `works until ${timeOf(until)}`}`)
  io.out(`API key (shown once): ${printable(key.key)}`)
  return EXIT.ok
}

async function revoke(
  io: CommandIo,
  flags: AccountFlags,
  args: readonly string[],
): Promise<number> {
  const id = oneId(args)
  const account = await openAccountAt(io, flags)
  const path = `/v1/keys/${encodeURIComponent(id)}`
  const key = Key.parse(await readJson(await ask(account, path, { method: 'DELETE' })))
  io.out(`${printable(key.id)} (${printable(key.masked)}) is revoked for good`)
  return EXIT.ok
}

function oneId(args: readonly string[]): string {
  const [id] = args
  if (id === undefined) {
    throw new UsageError('say the ID of one key; cocoon keys list shows them')
  }
  if (id.startsWith('sk-')) {
    throw new UsageError(
      'that is a key, not its id (key_…). It now stands in your shell’s history: rotate or revoke it',
    )
  }
  return id
}

function stateOf({ revoked_at, expires_at }: Key, now: number): string {
  if (revoked_at !== null) return 'revoked'
  if (expires_at === null) return 'works'
  return `${expires_at <= now ? 'expired' : 'until'} ${timeOf(expires_at)}`
}

/** Seconds as ISO 8601 without fractions. */
function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '')
}

function limitsOf(key: Key): readonly string[] {
  const ton = (label: string, most: Key['max_price']['input'] | undefined): string[] =>
    most === null || most === undefined ? [] : [`${label} ${formatTon(most)} TON`]
  const number = (label: string, most: number | null): string[] =>
    most === null ? [] : [`${label} ${most}`]
  const names = (label: string, some: readonly string[] | null): string[] =>
    some === null ? [] : [`${label} ${some.join(' ')}`]
  return [
    ...ton('budget', key.budget?.total),
    ...ton('a day', key.budget?.day),
    ...ton('a week', key.budget?.week),
    ...ton('a month', key.budget?.month),
    ...ton('input price', key.max_price.input),
    ...ton('output price', key.max_price.output),
    ...number('requests/min', key.requests_per_minute),
    ...number('tokens/min', key.tokens_per_minute),
    ...number('at once', key.concurrency),
    ...names('models', key.models),
    ...names('origins', key.allowed_origins),
    ...(key.sealed_only ? ['sealed only'] : []),
  ]
}
