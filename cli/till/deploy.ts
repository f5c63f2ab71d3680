import { createHash } from 'node:crypto'
import { type Bytes, fromHex, hex } from '#base/bytes.ts'
import { formatTon, nano, parseTon } from '#base/nano.ts'
import {
  friendlyAddress,
  plainBody,
  rotationSeconds,
  STORAGE_RESERVE,
  Till,
  type TillConfig,
} from '#contracts'
import { tonAddress } from '#gateway/db/ids.ts'
import { openWallet, perform, type SendFlags } from '../chain/perform.ts'
import { readSecret } from '../chain/secret.ts'
import { addressFlag, filled, openTarget, type Target, type TargetFlags } from '../chain/target.ts'
import { type CommandIo, UsageError } from '../command.ts'

export const DEPLOY_OPTIONS = {
  admin: { type: 'string' },
  'meter-key': { type: 'string' },
  'meter-secret': { type: 'string' },
  'exit-hours': { type: 'string', default: '24' },
  'rotation-hours': { type: 'string', default: '96' },
  'hold-days': { type: 'string', default: '1' },
  'daily-cap': { type: 'string', default: '100' },
  'max-fee-bps': { type: 'string', default: '3000' },
  salt: { type: 'string' },
  reserve: { type: 'string', default: '3' },
} as const

export const DEPLOY_HELP = `deploy: everything but the meter key is fixed for ever
  --meter-key HEX      public meter key; default: of --meter-secret FILE, or of METER_KEY
  --admin ADDRESS      may rotate, freeze and take fees; a multisig outside tests; default: the paying wallet
  --exit-hours 24  --rotation-hours 96  --hold-days 1  --daily-cap 100 (TON)  --max-fee-bps 3000
  --reserve 3          TON that pay for its storage
  --salt HEX           32 bytes that tell two Tills of the same settings apart; default: made from the network’s name`

export type DeployFlags = SendFlags &
  TargetFlags & { readonly [Name in keyof typeof DEPLOY_OPTIONS]?: string | undefined }

const HOUR_SECONDS = 3_600

/** Deploys a Till; the same settings lead to the same address, so that a second run finds the first. */
export async function deployTill(io: CommandIo, flags: DeployFlags): Promise<number> {
  const target = await openTarget(io, flags)
  const config = await readConfig(io, target, flags)
  const till = Till.createFromConfig(config)
  const address = tonAddress(till.address.toRawString())
  const reserve = amountFlag('--reserve', flags.reserve)
  if (reserve <= STORAGE_RESERVE) {
    throw new UsageError(
      `--reserve is more than ${formatTon(STORAGE_RESERVE)} TON, or no deposit is taken`,
    )
  }
  await refuseFrozen(target, address)
  printPlan(io, address, config)
  if (till.init === undefined) throw new Error('no StateInit')
  const code = await perform(io, target, flags, {
    title: 'deploy the Till',
    to: address,
    value: reserve,
    body: plainBody('topUp'),
    // Sound: both members are there, see createFromConfig.
    init: till.init,
    done: async () =>
      (await target.chain.head(address)).active ? 'the Till is deployed' : undefined,
  })
  if (code === 0) io.out(`TILL_ADDRESS=${address}`)
  return code
}

const MAX_LOOKED_AT = 99
const LIVED: ReadonlySet<string> = new Set(['active', 'frozen'])

/**
 * Deployed anew at its address, a Till has forgotten what it paid: vouchers and exits would count again. Here one is refused that
 * the network has frozen. One that it has deleted leaves no trace in its account: another salt makes sure.
 */
async function refuseFrozen(
  { chain }: Target,
  address: ReturnType<typeof tonAddress>,
): Promise<void> {
  const { active, last } = await chain.head(address)
  if (active || last === null) return
  // Money alone, however much and often, is no sign of a Till.
  const history = await chain.transactions(address, last, MAX_LOOKED_AT)
  const lived = history.some(({ transaction: { oldStatus, endStatus } }) => {
    return LIVED.has(oldStatus) || LIVED.has(endStatus)
  })
  if (lived) throw new UsageError('a Till lived at this address before: use another --salt')
}

async function readConfig(io: CommandIo, target: Target, flags: DeployFlags): Promise<TillConfig> {
  return {
    admin: await adminOf(io, target, flags),
    meterKey: await meterKeyOf(io, flags),
    exitDelay: wholeFlag('--exit-hours', flags['exit-hours']) * HOUR_SECONDS,
    rotationDelay: wholeFlag('--rotation-hours', flags['rotation-hours']) * HOUR_SECONDS,
    holdDays: wholeFlag('--hold-days', flags['hold-days']),
    dailyCap: amountFlag('--daily-cap', flags['daily-cap']),
    maxFeeBps: wholeFlag('--max-fee-bps', flags['max-fee-bps']),
    salt: saltOf(target, flags.salt),
  }
}

async function adminOf(io: CommandIo, target: Target, flags: DeployFlags): Promise<string> {
  if (flags.admin !== undefined) return addressFlag('--admin', flags.admin, target)
  return (await openWallet(io, target, flags)).address
}

async function meterKeyOf(io: CommandIo, flags: DeployFlags): Promise<Bytes> {
  const said = flags['meter-key']
  if (said !== undefined) return keyFlag('--meter-key', said)
  const source = { file: flags['meter-secret'], variable: 'METER_KEY', flag: '--meter-secret' }
  return (await readSecret(io, source)).publicKey
}

/** No signature of one network is good on another: their Tills never share an address. */
function saltOf({ network, isLocal }: Target, said: string | undefined): Bytes {
  if (filled(said) !== undefined) return keyFlag('--salt', said ?? '')
  const name = `cocoon till\0${isLocal ? 'local' : network}`
  return new Uint8Array(createHash('sha256').update(name).digest())
}

function printPlan(io: CommandIo, address: string, config: TillConfig): void {
  const days = rotationSeconds(config) / (24 * HOUR_SECONDS)
  io.out(`Till        ${friendlyAddress(address)} (${address})`)
  io.out(`admin       ${config.admin}`)
  io.out(`meter key   ${hex(config.meterKey)}`)
  io.out(
    `exit after  ${config.exitDelay / HOUR_SECONDS} h; a rotation takes ${days} days; managed debits wait ${config.holdDays} days`,
  )
  io.out(
    `daily cap   ${formatTon(config.dailyCap)} TON an account; fees at most ${config.maxFeeBps / 100} %`,
  )
}

/** @throws UsageError */
export function keyFlag(flag: string, text: string): Bytes {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new UsageError(`${flag} is 64 hex digits`)
  return fromHex(text, { anyCase: true })
}

/** @throws UsageError */
export function amountFlag(flag: string, text: string | undefined) {
  try {
    return nano(parseTon(text ?? ''))
  } catch {
    throw new UsageError(`${flag} is an amount of TON, like 1.5`)
  }
}

function wholeFlag(flag: string, text: string | undefined): number {
  if (!/^\d{1,6}$/.test(text ?? '')) throw new UsageError(`${flag} is a whole number`)
  return Number(text)
}
