import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatTon, nano, parseNano } from '#base/nano.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'

const USAGE = `cocoon audit: re-derives every balance of a gateway's ledger and names each broken invariant.

  cocoon audit                      the world of npm start (.cocoon/dev.json)
  cocoon audit --gateway URL        another gateway; the operator's key in ADMIN_KEY

Exit code 0: all books agree. 1: they do not, or the gateway refused.`

export const audit: Command = {
  summary: "check a gateway's books",
  usage: USAGE,
  run: async (io) => {
    const { gateway, adminKey } = await findGateway(io)
    const audited = await auditAll(gateway, adminKey)
    if (typeof audited === 'number') {
      io.err(`the gateway answered ${audited}: is ADMIN_KEY its own?`)
      return EXIT.failed
    }
    for (const name of AMOUNTS) {
      io.out(`${name.padEnd(10)} ${formatTon(nano(audited.sums[name]))} TON`)
    }
    io.out(`accounts   ${audited.accounts}`)
    const broken = [
      ...audited.broken,
      ...(audited.sent > 0n ? ['a share was acknowledged and never received'] : []),
    ]
    for (const rule of broken) io.err(`BROKEN     ${rule}`)
    io.out(broken.length === 0 ? 'every invariant holds' : `${broken.length} broken`)
    return broken.length === 0 ? EXIT.ok : EXIT.failed
  },
}

interface Audited {
  readonly sums: Record<(typeof AMOUNTS)[number], bigint>
  sent: bigint
  accounts: number
  readonly broken: string[]
}

/** Adds up all pages. @returns the status of a refusal */
async function auditAll(gateway: string, adminKey: string): Promise<Audited | number> {
  const sums = { available: 0n, held: 0n, clearing: 0n, hosts: 0n, fees: 0n }
  const audited: Audited = { sums, sent: 0n, accounts: 0, broken: [] }
  for (let after: string | null = ''; after !== null; ) {
    const url = new URL('/admin/audit', gateway)
    if (after !== '') url.searchParams.set('after', after)
    const response = await fetch(url, { headers: { authorization: `Bearer ${adminKey}` } })
    if (!response.ok) return response.status
    // Sound: openapi.yaml says so; a missing member fails in parseNano below.
    const report = (await response.json()) as AuditReport
    for (const name of AMOUNTS) sums[name] += parseNano(report[name])
    audited.sent += BigInt(report.sent)
    audited.accounts += report.accounts
    audited.broken.push(...report.broken)
    after = report.next
  }
  return audited
}

const AMOUNTS = ['available', 'held', 'clearing', 'hosts', 'fees'] as const

interface AuditReport extends Readonly<Record<(typeof AMOUNTS)[number], string>> {
  readonly accounts: number
  readonly sent: string
  readonly next: string | null
  readonly broken: readonly string[]
}

async function findGateway(io: CommandIo): Promise<{ gateway: string; adminKey: string }> {
  const { values } = parseArgs({ args: [...io.args], options: { gateway: { type: 'string' } } })
  const { gateway } = values
  if (gateway === undefined) return readWorld(io)
  const adminKey = io.env['ADMIN_KEY']
  if (!URL.canParse(gateway)) throw new UsageError('--gateway is not a URL')
  if (adminKey === undefined || adminKey === '') throw new UsageError('ADMIN_KEY is missing')
  return { gateway, adminKey }
}

async function readWorld({ cwd }: CommandIo): Promise<{ gateway: string; adminKey: string }> {
  try {
    const world: unknown = JSON.parse(await readFile(join(cwd, '.cocoon', 'dev.json'), 'utf8'))
    // Sound: written by the world of this checkout; what is missing fails in the request.
    const { webUrl, adminKey } = world as { webUrl: string; adminKey: string }
    return { gateway: webUrl, adminKey }
  } catch (cause) {
    throw new UsageError('no world runs here: start one by npm start, or say --gateway URL', {
      cause,
    })
  }
}
