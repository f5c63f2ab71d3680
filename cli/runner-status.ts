import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { formatTon, parseNano } from '#base/nano.ts'
import { readOutbox } from '#enclave-runner/main.ts'
import { type CommandIo, EXIT, UsageError } from './command.ts'
import { parseArguments } from './parse-arguments.ts'
import { readJson } from './read-json.ts'
import { rawWallet } from './runner-settings.ts'
import { printable } from './verify/printable.ts'

const Hours = z.object({
  watched_seconds: z.number(),
  up_seconds: z.number(),
  requests: z
    .object({ answered: z.number(), rejected: z.record(z.string(), z.number()) })
    .nullable(),
})
const Host = z.object({
  earned: z.string(),
  collected: z.string(),
  vouchered: z.string(),
  redeemed: z.string(),
  voucher: z
    .object({ cumulative: z.string().regex(/^\d{1,19}$/), signature: z.string() })
    .nullish(),
  runners: z.array(
    z.object({ id: z.string(), track_record: z.object({ day: Hours, week: Hours }) }),
  ),
})
const Runners = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      payee: z.string(),
      model: z.string(),
      state: z.string(),
      available: z.boolean(),
      capacity: z.number(),
      performance: z.object({
        success: z.number(),
        first_byte_ms: z.number().nullable(),
        tokens_per_second: z.number().nullable(),
        in_flight: z.number(),
      }),
    }),
  ),
})

const World = z.object({ hostAddress: z.string(), webUrl: z.string() })

const TIMEOUT_MS = 15_000

/**
 * What a host sees: for each gateway what it says was earned, what this runner's outbox says it owes and refused, and
 * how its runners stand there. @returns 1 when a gateway does not answer
 */
export async function runnerStatus(io: CommandIo, doFetch: typeof fetch = fetch): Promise<number> {
  const { values } = parseArguments(io.args, {
    options: {
      wallet: { type: 'string' },
      gateways: { type: 'string' },
      outbox: { type: 'string' },
    },
  })
  const world = worldHere(io)
  const given = values.wallet ?? io.env['WALLET'] ?? world.wallet
  const wallet = given === undefined ? undefined : rawWallet(given)
  const gateways = (values.gateways ?? io.env['GATEWAYS'] ?? world.gateway ?? '')
    .split(',')
    .filter(Boolean)
  if (wallet === undefined || gateways.length === 0) {
    throw new UsageError(
      'no world of npm start runs here: cocoon runner status takes --wallet ADDRESS --gateways URL[,URL]',
    )
  }
  const saidOutbox = values.outbox ?? io.env['OUTBOX_PATH']
  const outbox = resolve(io.cwd, saidOutbox ?? 'cocoon-runner.outbox')
  let code: number = EXIT.ok
  for (const gateway of gateways.map((text) => text.trim().replace(/\/$/, ''))) {
    io.out(gateway)
    let newest: Newest
    try {
      newest = await showGateway(io, doFetch, { gateway, wallet })
    } catch {
      io.err(
        `  no answer that can be read: is ${gateway} the gateway’s origin, and the wallet raw?`,
      )
      code = EXIT.failed
    }
    if (existsSync(outbox)) showOutbox(io, outbox, { gateway, newest })
    else if (saidOutbox !== undefined || given !== world.wallet) {
      io.out(`  outbox      none at ${outbox}`)
    }
  }
  return code
}

/** The host of the world that `npm start` runs in this folder. */
function worldHere({ cwd }: CommandIo): { readonly wallet?: string; readonly gateway?: string } {
  const file = resolve(cwd, '.cocoon', 'dev.json')
  if (!existsSync(file)) return {}
  const { success, data } = World.safeParse(JSON.parse(readFileSync(file, 'utf8')))
  return success ? { wallet: data.hostAddress, gateway: data.webUrl } : {}
}

async function showGateway(
  io: CommandIo,
  doFetch: typeof fetch,
  { gateway, wallet }: { readonly gateway: string; readonly wallet: string },
): Promise<Newest> {
  const read = async (path: string): Promise<unknown> => {
    const response = await doFetch(`${gateway}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (!response.ok) throw new Error(`status ${response.status}`)
    return readJson(response)
  }
  const host = Host.parse(await read(`/v1/hosts/${encodeURIComponent(wallet)}`))
  const { data } = Runners.parse(await read('/v1/runners'))
  io.out(`  earned      ${ton(host.earned)}`)
  io.out(`  collected   ${ton(host.collected)} of it is on the chain`)
  io.out(`  vouchered   ${ton(host.vouchered)} can be redeemed without the gateway`)
  io.out(`  redeemed    ${ton(host.redeemed)}`)
  const own = data.filter(({ payee }) => payee === wallet)
  if (own.length === 0) io.out('  runners     none has a lease here now')
  // Those that left too: a host wants to know why.
  const ids = new Set([...own, ...host.runners].map(({ id }) => id))
  for (const id of [...ids].sort()) {
    const leased = own.find((runner) => runner.id === id)
    io.out(printable(`  ${id}${leased === undefined ? ': no lease now' : standing(leased)}`))
    const counted = host.runners.find((runner) => runner.id === id)?.track_record
    io.out(printable(`    last 24 hours   ${trackRecord(counted?.day)}`))
    io.out(printable(`    last 7 days     ${trackRecord(counted?.week)}`))
  }
  return host.voucher
}

/** The gateway's newest voucher for this host. */
type Newest = z.infer<typeof Host>['voucher']

const ton = (text: string): string => `${formatTon(parseNano(text))} TON`

function standing(runner: z.infer<typeof Runners>['data'][number]): string {
  const { success, first_byte_ms, tokens_per_second, in_flight } = runner.performance
  return (
    ` ${runner.model}: ${runner.available ? 'available' : `not available (${runner.state})`}, ` +
    `${in_flight} of ${runner.capacity} places taken, ${percent(success)} succeed, ` +
    `first byte ${first_byte_ms ?? '–'} ms, ${tokens_per_second ?? '–'} tokens/s`
  )
}

/** A gateway counts once a minute. */
function trackRecord(hours: z.infer<typeof Hours> | undefined): string {
  if (hours === undefined || hours.watched_seconds === 0) return 'nothing counted yet'
  const up = `up ${percent(hours.up_seconds / hours.watched_seconds)} of the time`
  if (hours.requests === null) return up
  const { answered, rejected } = hours.requests
  const failed = Object.entries(rejected).map(([reason, count]) => `${count} ${reason}`)
  return `${up}, ${answered} requests answered, failed: ${failed.join(', ') || 'none'}`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** A runner that runs takes it with its next heartbeat. */
const notKept = (cumulative: string): string =>
  `the gateway’s newest, ${ton(cumulative)} in all, is not: is its runner running, and what does its log say?`

function showOutbox(
  io: CommandIo,
  path: string,
  { gateway, newest }: { readonly gateway: string; readonly newest: Newest },
): void {
  const { waiting, owed, refused, vouchers } = readOutbox(path, gateway)
  io.out(`  outbox      ${waiting} receipts wait, ${formatTon(owed)} TON not yet vouchered`)
  for (const [reason, count] of refused) io.out(`  refused     ${count} receipts: ${reason}`)
  const kept = vouchers.at(-1)
  const what =
    kept === undefined
      ? 'none is kept here'
      : `${ton(kept.cumulative)} in all are kept here: cocoon till redeem ${path}`
  const isKept = newest == null || vouchers.some(({ signature }) => signature === newest.signature)
  io.out(`  voucher     ${what}${isKept ? '' : `; ${notKept(newest.cumulative)}`}`)
}
