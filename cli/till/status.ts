import { hex } from '#base/bytes.ts'
import { formatTon, type Nano } from '#base/nano.ts'
import { accountMode, friendlyAddress, parseMemo } from '#contracts'
import { EXIT, UsageError } from '../command.ts'
import type { TillContext } from './context.ts'

const HOUR_SECONDS = 3_600
/** Surplus below which somebody should top up: storage is paid from it. */
const LOW_SURPLUS = 700_000_000n

/** Everything that a Till says of itself. */
export async function showTill({
  io,
  till,
  provider,
  address,
  target,
}: TillContext): Promise<number> {
  const [totals, key, status, config, head] = [
    await till.getTotals(provider),
    await till.getMeterKey(provider),
    await till.getStatus(provider),
    await till.getConfig(provider),
    await target.chain.head(address),
  ]
  const line = (name: string, text: string) => io.out(`${name.padEnd(12)}${text}`)
  line('Till', `${friendlyAddress(address)} (${address})`)
  line('balance', tons(head.balance))
  line('accounts', `${tons(totals.owed)} owed to ${status.accounts} accounts`)
  line(
    'hosts',
    `${tons(totals.pool)} to redeem, ${tons(totals.held)} on hold; ${status.payees} were paid`,
  )
  line('fees', tons(totals.fees))
  line('orphans', `${tons(totals.orphans)} (next refund has nonce ${status.orphanNonce})`)
  line('surplus', tons(totals.surplus))
  if (totals.surplus < LOW_SURPLUS) {
    io.err('warning: little is left for storage; fix: cocoon till top-up --amount 2')
  }
  line('admin', config.admin)
  line('meter key', hex(key.key))
  if (key.previous !== null)
    line('', `${hex(key.previous.key)} is honoured until ${time(key.previous.until)}`)
  if (key.pending !== null) {
    const drops = key.pending.dropsPrevious ? ' and drops the present one' : ''
    line('', `${hex(key.pending.key)} may be activated from ${time(key.pending.at)} on${drops}`)
  }
  const frozen = status.frozenUntil > head.syncedAt
  line('frozen', frozen ? `until ${time(status.frozenUntil)}` : 'no')
  line(
    'rules',
    `exit ${config.exitDelay / HOUR_SECONDS} h, hold ${config.holdDays} days, cap ${tons(config.dailyCap)} a day, fees up to ${config.maxFeeBps / 100} %`,
  )
  return EXIT.ok
}

/** One account as the Till keeps it. @throws UsageError */
export async function showAccount(context: TillContext, text: string | undefined): Promise<number> {
  const { io, till, provider } = context
  const id = accountArgument(text)
  const account = await till.getAccount(provider, id)
  const line = (name: string, value: string) => io.out(`${name.padEnd(12)}${value}`)
  line('account', `${id} (${accountMode(id)})`)
  line('available', tons(account.available))
  line('deposited', tons(account.credit))
  line('charged', tons(account.debit))
  line('paid out', tons(account.paidOut))
  if (accountMode(id) === 'managed') line('cap left', `${tons(account.capLeft)} today`)
  const to = await till.getExitTo(provider, id)
  line('exit', to === null ? 'none' : `to ${to}, from ${time(account.exitAt)} on`)
  return EXIT.ok
}

/** @throws UsageError */
export function accountArgument(text: string | undefined) {
  if (text === undefined) throw new UsageError('an account id (its 32 characters) is missing')
  const account = parseMemo(text)
  if (account === undefined) throw new UsageError('not an account id: its check does not match')
  return account
}

export const tons = (amount: Nano): string => `${formatTon(amount)} TON`

export function time(seconds: number): string {
  return new Date(seconds * 1_000).toISOString()
}
