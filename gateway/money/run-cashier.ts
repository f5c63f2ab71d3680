import type { Cell } from '@ton/core'
import { type Clock, toSeconds } from '#base/brand.ts'
import { type Bytes, fromHex, hex } from '#base/bytes.ts'
import { type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import {
  accountKeysFromJson,
  cellHash,
  chargeBatchCell,
  chargeBodyOf,
  chequeBody,
  redeemBody,
  type Sha256,
  type Sign,
  signBits,
  TILL_VALUE,
  voucherBits,
} from '#contracts'
import type { Store } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import type { Ledger } from '../ledger/port.ts'
import {
  type CashierCommand,
  type CashierPolicy,
  type CashierView,
  decideCashier,
  type HostDue,
} from './cashier.ts'
import {
  readAccountsDue,
  readCheque,
  readChequesDue,
  readHostsDue,
  readVoucher,
} from './cashier-view.ts'
import type { Chain } from './chain.ts'
import { type GasWallet, MAX_MESSAGES, type WalletMessage } from './gas-wallet.ts'
import { createMeterWord, type MeterWord } from './meter-word.ts'
import { readTill, type TillReader } from './read-till.ts'
import { createRenewVouchers } from './renew-vouchers.ts'
import { createRequireSameTill } from './require-same-till.ts'
import { seldom } from './seldom.ts'

/** Without an effect until then, a message is made and sent again. */
const PENDING_MS = 90_000
/** Gas that is not paid with falls slowly. */
const SELDOM_MS = 20_000

export interface CashierDeps {
  readonly till: TonAddress
  readonly chain: Chain
  readonly wallet: GasWallet
  readonly ledger: Ledger
  readonly store: Store
  /** The meter key: signs charges and vouchers, nothing else (M10). */
  readonly sign: Sign
  /** Its public half. */
  readonly meterKey: Bytes
  readonly sha256: Sha256
  /** The operator's part of what a charge collects, in basis points: the commission of the requests. */
  readonly feeBps: number
  readonly policy: CashierPolicy
  /** Independent providers: what they do not all say was paid to a host, was not (M11). */
  readonly witnesses?: readonly Chain[]
  /** Longest wait of what is only worth its gas, so that the chain does not show when it was used (M15). */
  readonly delayMs?: number
  /** 0 to 1, for that wait. */
  readonly chance?: () => number
  readonly clock: Clock
}

export interface CashierReport {
  readonly commands: readonly CashierCommand[]
  /**
   * Whether the messages left. `unfunded`: the wallet cannot pay for all of them; those that it could pay for have left.
   * `frozen`, `not_honoured`: nothing did, because the Till takes no charge and no voucher now, or none that our key signs.
   */
  readonly sent: 'nothing' | 'sent' | 'busy' | 'unfunded' | 'frozen' | 'not_honoured'
  /** Of the gas wallet, lately; before something is paid: now. */
  readonly balance: Nano
  /** When the announced meter key may count; null when none is. */
  readonly rotationAt: number | null
}

export interface Cashier {
  /** One round. Calls must not overlap. @throws MoneyError: nothing is lost, call again */
  tick(): Promise<CashierReport>
}

/**
 * Turns settled usage into charges, collected charges into vouchers, and vouchers into the hosts' money.
 *
 * 1. What the Till has paid to hosts meanwhile is taken over.
 * 2. What is worth doing is decided from the books alone.
 * 3. Everything is signed and stored before it leaves.
 * 4. One transfer of the gas wallet carries all messages.
 *
 * A crash anywhere repeats a round: amounts are cumulative, so that at worst gas is paid twice.
 */
export function createCashier(deps: CashierDeps): Cashier {
  const reader = readTill(deps.chain, deps.till)
  const others = (deps.witnesses ?? []).map((witness) => readTill(witness, deps.till))
  const pending = new Map<string, Pending>()
  const moment = createMoment(deps)
  const requireSameTill = createRequireSameTill(deps.store, deps.till)
  const word = createMeterWord(reader, deps)
  const gas = seldom(() => deps.wallet.balance(), { maxAgeMs: SELDOM_MS, clock: deps.clock })
  const renewVouchers = createRenewVouchers(deps)
  return {
    async tick() {
      requireSameTill()
      const hosts = await mirrorRedeemed(deps, [reader, ...others])
      const { key, honoured, rotationAt } = await word.keys()
      await renewVouchers(hosts, key)
      const { view: seen, stands } = await readView(deps, { reader, word }, { hosts, pending })
      const rotating = rotationAt !== null
      const view = { ...seen, honoured, rotating, unhurried: moment.hasCome() }
      const commands = decideCashier(view, deps.policy)
      for (const command of commands) {
        if (command.do === 'voucher') await signVoucher(deps, command)
      }
      const paid = commands.filter(isPaid).slice(0, MAX_MESSAGES)
      const balance = await (paid.length > 0 ? gas.now() : gas.lately())
      const { sent, left } = await sendPaid(deps, paid, balance)
      if (left.length > 0) {
        remember(pending, left, { stands, until: deps.clock() + PENDING_MS })
        moment.next()
      }
      return { commands, sent: sent === 'nothing' ? whyNot(view) : sent, balance, rotationAt }
    },
  }
}

/** The moments at which what is not urgent leaves: each at random, none told by what was used (M15). */
function createMoment({ delayMs = 0, chance = () => 0, clock }: CashierDeps) {
  let at = clock() + chance() * delayMs
  return {
    hasCome: () => clock() >= at,
    next: () => {
      at = clock() + chance() * delayMs
    },
  }
}

interface Pending {
  /** Collected or redeemed when it was sent: more means that it worked. */
  readonly before: Nano
  readonly until: number
}

type CommandOf<Do extends CashierCommand['do']> = Extract<CashierCommand, { do: Do }>
type PaidCommand = CommandOf<'charge' | 'cheque' | 'redeem'>

function isPaid(command: CashierCommand): command is PaidCommand {
  return command.do !== 'voucher'
}

async function mirrorRedeemed(
  deps: CashierDeps,
  readers: readonly TillReader[],
): Promise<HostDue[]> {
  const at = deps.clock()
  for (const { payee, vouchered, redeemed } of readHostsDue(deps.store)) {
    if (vouchered <= redeemed) continue
    // The least that anybody says: a lie of one provider must not make a debt disappear.
    let paid: Nano | undefined
    for (const reader of readers) {
      const said = await reader.payeePaid(payee)
      if (paid === undefined || said < paid) paid = said
    }
    if (paid === undefined) continue
    await deps.ledger.commit([{ op: 'mirror_host', payee, redeemed: paid, at }])
  }
  return readHostsDue(deps.store)
}

function whyNot({ honoured, frozen }: CashierView): CashierReport['sent'] {
  if (!honoured) return 'not_honoured'
  return frozen ? 'frozen' : 'nothing'
}

async function readView(
  { store, clock }: CashierDeps,
  { reader, word }: { readonly reader: TillReader; readonly word: MeterWord },
  { hosts, pending }: { readonly hosts: HostDue[]; readonly pending: Map<string, Pending> },
): Promise<{
  readonly view: Omit<CashierView, 'honoured' | 'rotating' | 'unhurried'>
  readonly stands: ReadonlyMap<string, Nano>
}> {
  const accounts = readAccountsDue(store, toSeconds(clock()))
  const cheques = readChequesDue(store)
  const stands = new Map<string, Nano>([
    ...accounts.map(({ id, collected }) => [id, collected] as const),
    ...cheques.map(({ id, collected }) => [id, collected] as const),
    ...hosts.map(({ payee, redeemed }) => [payee, redeemed] as const),
  ])
  for (const [name, { before, until }] of pending) {
    const now = stands.get(name)
    if (now === undefined || now > before || clock() >= until) pending.delete(name)
  }
  const isOwed = hosts.some(({ collected, redeemed }) => collected > redeemed)
  const pool = isOwed ? (await reader.totals()).pool : ZERO_NANO
  // Asked only when it matters: mostly there is nothing to charge and nobody to pay.
  const frozen = (isOwed || accounts.length > 0) && (await word.isFrozen())
  const view = { accounts, cheques, hosts, pool, frozen, pending: new Set(pending.keys()) }
  return { view, stands }
}

function remember(
  pending: Map<string, Pending>,
  sent: readonly PaidCommand[],
  { stands, until }: { readonly stands: ReadonlyMap<string, Nano>; readonly until: number },
): void {
  for (const name of sent.flatMap(namesOf)) {
    pending.set(name, { before: stands.get(name) ?? ZERO_NANO, until })
  }
}

/** The accounts or the payee that a command is about. */
function namesOf(command: PaidCommand): readonly string[] {
  if (command.do === 'charge') return command.items.map(({ account }) => account)
  return [command.do === 'cheque' ? command.account : command.payee]
}

/** @returns how it went, and what has left */
async function sendPaid(
  deps: CashierDeps,
  commands: readonly PaidCommand[],
  balance: Nano,
): Promise<{
  readonly sent: 'nothing' | 'sent' | 'busy' | 'unfunded'
  readonly left: readonly PaidCommand[]
}> {
  const left = affordable(commands, balance)
  const all = left.length === commands.length
  if (left.length === 0) return { sent: all ? 'nothing' : 'unfunded', left }
  if (await deps.wallet.isBusy()) return { sent: 'busy', left: [] }
  const messages: WalletMessage[] = []
  for (const command of left) {
    const body = await bodyOf(deps, command)
    if (body !== undefined) messages.push({ to: deps.till, value: valueFor(command), body })
  }
  if (messages.length === 0) return { sent: 'nothing', left: [] }
  const sent = await deps.wallet.send(messages)
  if (sent === 'busy') return { sent, left: [] }
  return { sent: all ? 'sent' : 'unfunded', left }
}

/** As much as the wallet can carry: most of what a message carries comes back, and the rest has its turn then. */
function affordable(commands: readonly PaidCommand[], balance: Nano): readonly PaidCommand[] {
  let rest: bigint = balance
  return commands.filter((command) => {
    const value = valueFor(command)
    if (value > rest) return false
    rest -= value
    return true
  })
}

function valueFor(command: PaidCommand): Nano {
  if (command.do === 'charge') return nano(TILL_VALUE.charge(command.items.length))
  return nano(TILL_VALUE[command.do])
}

/** Signs and stores what a message needs; undefined when the books have moved on. */
async function bodyOf(deps: CashierDeps, command: PaidCommand): Promise<Cell | undefined> {
  if (command.do === 'charge') return signCharge(deps, command)
  return command.do === 'cheque' ? readChequeBody(deps, command) : readRedeemBody(deps, command)
}

async function signCharge(
  { till, feeBps, sign, ledger, clock }: CashierDeps,
  { items }: CommandOf<'charge'>,
): Promise<Cell | undefined> {
  const cumulatives = new Map(items.map(({ account, cumulative }) => [account, cumulative]))
  const cell = chargeBatchCell({ till, feeBps, items: cumulatives })
  const signature = await sign(cellHash(cell))
  const batch = cell.toBoc().toString('base64')
  const record = { till, items, batch, signature: hex(signature), at: clock() }
  const [stored] = await ledger.commit([{ op: 'record_charge', ...record }])
  return stored.ok ? chargeBodyOf(cell, signature) : undefined
}

/** No message: the host gets it with its next heartbeat, or it is redeemed for the host. */
async function signVoucher(
  { till, sign, sha256, ledger, clock }: CashierDeps,
  { payee, cumulative }: CommandOf<'voucher'>,
): Promise<void> {
  const signature: Bytes = await signBits(voucherBits({ till, payee, cumulative }), sign, sha256)
  const record = { till, payee, cumulative, signature: hex(signature), at: clock() }
  await ledger.commit([{ op: 'record_voucher', ...record }])
}

function readChequeBody(
  { till, feeBps, store }: CashierDeps,
  { account }: CommandOf<'cheque'>,
): Cell | undefined {
  const cheque = readCheque(store, account)
  if (cheque === undefined) return undefined
  const { cumulative, signature } = cheque
  const keys = accountKeysFromJson(JSON.parse(cheque.keys))
  const signed = { till, account, feeBps: cheque.feeBps ?? feeBps, cumulative }
  return chequeBody(signed, keys, fromHex(signature))
}

function readRedeemBody(
  { till, store }: CashierDeps,
  { payee }: CommandOf<'redeem'>,
): Cell | undefined {
  const voucher = readVoucher(store, till, payee)
  return voucher && redeemBody(voucher, fromHex(voucher.signature))
}
