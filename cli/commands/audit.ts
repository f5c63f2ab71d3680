import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatTon, type Nano, nano, parseNano } from '#base/nano.ts'
import { AMOUNTS, auditAll } from '../audit-all.ts'
import { filled, TARGET_HELP, TARGET_OPTIONS } from '../chain/target.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'
import { parseArguments } from '../parse-arguments.ts'
import { GatewayRefused, reachGateway } from '../reach-gateway.ts'
import { readJson } from '../read-json.ts'
import { compareBooks } from '../till/compare-books.ts'
import { openTill } from '../till/context.ts'
import { tellFailure } from '../verbs.ts'

const USAGE = `cocoon audit: re-derives every balance of a gateway's ledger, names each broken invariant, and proves by the chain
itself that its Till holds what the books owe.

  cocoon audit                      the world of npm start (.cocoon/dev.json)
  cocoon audit --gateway URL        another gateway; the operator's key in ADMIN_KEY

Options
  --till ADDRESS       default: TILL_ADDRESS, else the one that the gateway names
${TARGET_HELP}
Without an endpoint the Till of another gateway is not compared, and the audit says so.

Exit code: 0 books and Till agree, 1 they do not or the gateway refused, 2 wrong usage.`

export const audit: Command = {
  summary: "check a gateway's books, and its Till against them",
  usage: USAGE,
  run: (io) => tellFailure(io, () => run(io)),
}

async function run(io: CommandIo): Promise<number> {
  const flags = readFlags(io)
  const { gateway, adminKey } = await findGateway(io, flags)
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
    ...(await compareTill(io, flags, { gateway, adminKey })),
    ...(audited.sent > 0n ? ['a share was acknowledged and never received'] : []),
  ]
  for (const rule of broken) io.err(`BROKEN     ${rule}`)
  io.out(broken.length === 0 ? 'every invariant holds' : `${broken.length} broken`)
  return broken.length === 0 ? EXIT.ok : EXIT.failed
}

interface Operated {
  readonly gateway: string
  readonly adminKey: string
}

type Flags = ReturnType<typeof readFlags>

function readFlags(io: CommandIo) {
  return parseArguments(io.args, {
    options: { gateway: { type: 'string' }, till: { type: 'string' }, ...TARGET_OPTIONS },
  }).values
}

/** The Till's totals beside what the books owe. @returns what is broken */
async function compareTill(io: CommandIo, flags: Flags, at: Operated): Promise<readonly string[]> {
  const isElsewhere = flags.gateway !== undefined
  if (isElsewhere && flags.endpoint === undefined && filled(io.env['TON_ENDPOINT']) === undefined) {
    io.err('the Till was not compared: say --endpoint mainnet, testnet or URL')
    return []
  }
  const stated = await readStated(at.gateway)
  // An address of the gateway's own choosing would prove its own story only: a given one goes first.
  const till = flags.till ?? filled(io.env['TILL_ADDRESS']) ?? stated.address
  if (till === undefined) {
    io.out('Till       none: the gateway says that it has no Till')
    return []
  }
  const context = await openTill(io, { ...flags, till })
  return compareBooks(context, async () => {
    const audited = await auditAll(at.gateway, at.adminKey)
    if (typeof audited === 'number') throw new UsageError(`the gateway answered ${audited}`)
    const { available, held, prepaid, hosts } = audited.sums
    const { losses } = await readStated(at.gateway)
    return { accounts: nano(available + held - prepaid), hosts: nano(hosts), losses }
  })
}

async function readStated(gateway: string): Promise<{ address: string | undefined; losses: Nano }> {
  const response = await reachGateway(new URL('/v1/till', gateway))
  if (response.status === 404) return { address: undefined, losses: nano(0n) }
  // What cannot be compared is not sound.
  if (!response.ok) {
    throw new GatewayRefused(
      'refused',
      `the Till was not compared: /v1/till answered ${response.status}`,
    )
  }
  // Sound: openapi.yaml says so; the address is checked where it is used.
  const told = (await readJson(response)) as {
    address: string
    reserves: { liabilities: { losses: string } } | null
  }
  const losses = told.reserves === null ? nano(0n) : parseNano(told.reserves.liabilities.losses)
  return { address: told.address, losses }
}

async function findGateway(io: CommandIo, { gateway }: Flags): Promise<Operated> {
  if (gateway === undefined) return readWorld(io)
  const adminKey = io.env['ADMIN_KEY']
  if (!URL.canParse(gateway)) throw new UsageError('--gateway is not a URL')
  if (adminKey === undefined || adminKey === '') throw new UsageError('ADMIN_KEY is missing')
  return { gateway, adminKey }
}

async function readWorld({ cwd }: CommandIo): Promise<Operated> {
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
