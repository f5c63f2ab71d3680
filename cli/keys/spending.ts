import { z } from 'zod'
import { formatTon, type Nano, nano } from '#base/nano.ts'
import { columns } from '../columns.ts'
import { type CommandIo, EXIT } from '../command.ts'
import { readJson, readText } from '../read-json.ts'
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
import { nanoText } from './nano-text.ts'

const Report = z.object({
  from: z.string(),
  to: z.string(),
  data: z.array(
    z.object({
      day: z.string().nullable().optional(),
      model: z.string().nullable().optional(),
      key_id: z.string().nullable().optional(),
      requests: z.number(),
      tokens_prompt: z.number(),
      tokens_cached: z.number(),
      tokens_completion: z.number(),
      tokens_reasoning: z.number(),
      cost: nanoText,
    }),
  ),
})
type Row = z.infer<typeof Report>['data'][number]
const Account = z.object({
  id: z.string(),
  mode: z.string(),
  balance: z.object({ available: nanoText, held: nanoText }),
  credited: nanoText,
  settled: nanoText,
  deposit: z.object({ till: z.string(), comment: z.string() }).nullable(),
  top_up_url: z.string(),
})

const REPORT_OPTIONS = {
  by: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  csv: { type: 'boolean' },
} as const

interface ReportFlags extends AccountFlags {
  readonly by?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly csv?: boolean | undefined
}

/** What an account has, and what it was spent on. */
export const SPENDING_VERBS = {
  usage: verb({ ...ACCOUNT_OPTIONS, ...REPORT_OPTIONS }, usage),
  balance: verb({ ...ACCOUNT_OPTIONS, ...JSON_OPTION }, balance),
}

async function usage(io: CommandIo, flags: ReportFlags): Promise<number> {
  const query = new URLSearchParams({ group_by: flags.by ?? 'day,model' })
  if (flags.from !== undefined) query.set('from', flags.from)
  if (flags.to !== undefined) query.set('to', flags.to)
  if (flags.csv === true) query.set('format', 'csv')
  const account = await openAccountAt(io, flags)
  const answer = await ask(account, `/v1/account/usage?${query}`)
  if (flags.csv === true) {
    // RFC 4180's line ends: the last one's feed is the terminal's.
    const lines = (await readText(answer)).replace(/\r\n$/, '').split('\r\n')
    io.out(`${lines.map(printable).join('\r\n')}\r`)
    return EXIT.ok
  }
  for (const line of reportLines(Report.parse(await readJson(answer)))) io.out(line)
  return EXIT.ok
}

function reportLines({ from, to, data }: z.infer<typeof Report>): readonly string[] {
  const by = (['day', 'model', 'key_id'] as const).filter((name) => data[0]?.[name] !== undefined)
  const cells = (row: Row): readonly string[] => [
    ...by.map((name) => printable(row[name] ?? '–')),
    String(row.requests),
    String(row.tokens_prompt),
    String(row.tokens_cached),
    String(row.tokens_completion),
    String(row.tokens_reasoning),
    formatTon(row.cost),
  ]
  const header = [...by, 'requests', 'prompt', 'cached', 'completion', 'reasoning', 'TON']
  const sum = data.reduce((all, { cost }) => all + cost, 0n)
  return [
    ...(data.length === 0 ? [] : columns(header, data.map(cells))),
    printable(`${from} to ${to} (UTC): ${formatTon(nano(sum))} TON`),
  ]
}

async function balance(io: CommandIo, flags: AccountFlags & JsonFlag): Promise<number> {
  const opened = await openAccountAt(io, flags)
  const answer = await readJson(await ask(opened, '/v1/account'))
  const account = Account.parse(answer)
  if (flags.json === true) {
    io.out(JSON.stringify(answer))
    return EXIT.ok
  }
  const line = (name: string, text: string): void => io.out(`${name.padEnd(10)} ${printable(text)}`)
  const ton = (sum: Nano): string => `${formatTon(sum)} TON`
  line('account', `${account.id} (${account.mode})`)
  line('available', ton(account.balance.available))
  line('held', `${ton(account.balance.held)} for requests under way`)
  line('deposited', ton(account.credited))
  line('used', ton(account.settled))
  if (account.deposit !== null) {
    line('deposit', `to ${account.deposit.till} with the comment ${account.deposit.comment}`)
  }
  line('top up', account.top_up_url)
  return EXIT.ok
}
