import { eq } from 'drizzle-orm'
import { type Clock, toSeconds, type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { fromHex, hex } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import {
  accountKeysFromJson,
  exitCancelBody,
  exitFastBody,
  exitFinishBody,
  exitRequestBody,
  type FastOrder,
  fastOrderBits,
  type Sha256,
  type Sign,
  signBits,
  TILL_VALUE,
} from '#contracts'
import type { Store } from '../db/db.ts'
import type { AccountId, TonAddress } from '../db/ids.ts'
import { accounts, exits } from '../db/schema.ts'
import { orderedExit } from '../ledger/exits.ts'
import type { Ledger, OrderedExit } from '../ledger/port.ts'
import type { Chain } from './chain.ts'
import { decideExit, type ExitCommand, type ExitOnChain } from './exit.ts'
import type { GasWallet, WalletMessage } from './gas-wallet.ts'
import { readTill, type TillReader } from './read-till.ts'

/** Without an effect until then, a message is made and sent again. */
const PENDING_MS = 90_000
/** Exits of one round; the others' turn comes. */
const MAX_EXITS = 50

export interface ExitsDeps {
  readonly till: TonAddress
  readonly chain: Chain
  readonly wallet: GasWallet
  readonly ledger: Ledger
  readonly store: Store
  /** The meter key (M10): here it signs final debits. */
  readonly sign: Sign
  readonly sha256: Sha256
  /** The operator's part of the final debit, in basis points. */
  readonly feeBps: number
  readonly clock: Clock
}

export interface ExitStep {
  readonly account: AccountId
  readonly command: ExitCommand
}

/**
 * Carries ordered exits to their end. Every step follows from the Till and the books, so that a crash repeats one at most; every
 * message is refused by the Till when it comes twice.
 */
export function createExits(deps: ExitsDeps): { tick(): Promise<readonly ExitStep[]> } {
  const reader = readTill(deps.chain, deps.till)
  const sentAt = new Map<string, number>()
  return {
    async tick() {
      const rows = deps.store.db
        .select()
        .from(exits)
        .where(eq(exits.till, deps.till))
        .limit(MAX_EXITS)
        .all()
      const steps: ExitStep[] = []
      const messages: WalletMessage[] = []
      for (const exit of rows.map(orderedExit)) {
        const command = await nextStep(deps, reader, exit)
        steps.push({ account: exit.account, command })
        if (command.do === 'close') {
          await deps.ledger.commit([{ op: 'close_exit', account: exit.account }])
        }
        const step = `${exit.account} ${command.do}`
        if ((sentAt.get(step) ?? 0) + PENDING_MS > deps.clock()) continue
        const message = await messageFor(deps, exit, command)
        if (message === undefined) continue
        messages.push(message)
        sentAt.set(step, deps.clock())
      }
      if (messages.length > 0 && (await deps.wallet.send(messages)) === 'busy') sentAt.clear()
      for (const [step, at] of sentAt) if (at + PENDING_MS <= deps.clock()) sentAt.delete(step)
      return steps
    },
  }
}

async function nextStep(
  { store, chain, till, clock }: ExitsDeps,
  reader: TillReader,
  exit: OrderedExit,
): Promise<ExitCommand> {
  const row = store.db.select().from(accounts).where(eq(accounts.id, exit.account)).get()
  if (row === undefined) return { do: 'close' }
  const { syncedAt } = await chain.head(till)
  const onChain = await readExit(reader, exit.account, syncedAt)
  return decideExit(exit, onChain, row, toSeconds(clock()))
}

/** What the Till says of an account's exit at `now`. */
export async function readExit(
  reader: TillReader,
  account: AccountId,
  now: UnixSeconds,
): Promise<ExitOnChain> {
  const { value } = await reader.account(account)
  const { frozenUntil } = await reader.status()
  const { nonce, debit, capLeft, exitAt } = value
  const armed = exitAt === 0 ? null : unixSeconds(exitAt)
  return { nonce, debit, capLeft, exitAt: armed, frozen: frozenUntil > now }
}

async function messageFor(
  deps: ExitsDeps,
  exit: OrderedExit,
  command: ExitCommand,
): Promise<WalletMessage | undefined> {
  const { till: to } = deps
  const { account, cancel } = exit
  if (command.do === 'finish') {
    return { to, value: TILL_VALUE.exitFinish, body: exitFinishBody(account) }
  }
  if (command.do === 'fast') {
    const body = await signFinal(deps, account, command)
    return body && { to, value: TILL_VALUE.exitFast, body }
  }
  const keys = keysOf(deps.store, account)
  if (keys === undefined) return undefined
  if (command.do === 'cancel' && cancel !== null) {
    const order = { till: to, account, nonce: cancel.nonce }
    const body = exitCancelBody(order, keys, fromHex(cancel.signature))
    return { to, value: TILL_VALUE.exitCancel, body }
  }
  if (command.do === 'request' && exit.to !== null && exit.signature !== null) {
    const order = { till: to, account, to: exit.to, nonce: exit.nonce }
    const body = exitRequestBody(order, keys, fromHex(exit.signature))
    return { to, value: TILL_VALUE.exitRequest, body }
  }
  return undefined
}

function keysOf({ db }: Store, account: AccountId) {
  const row = db.select().from(accounts).where(eq(accounts.id, account)).get()
  return row?.keys ? accountKeysFromJson(JSON.parse(row.keys)) : undefined
}

/** Stored before it leaves; not at all when something was settled meanwhile. */
async function signFinal(
  { till, feeBps, sign, sha256, ledger }: ExitsDeps,
  account: AccountId,
  { debit, nonce }: Extract<ExitCommand, { do: 'fast' }>,
) {
  const order: FastOrder = { till, account, feeBps, debit: nano(debit), nonce }
  const signature = await signBits(fastOrderBits(order), sign, sha256)
  const [stored] = await ledger.commit([
    { op: 'sign_final', account, nonce, debit, signature: hex(signature) },
  ])
  return stored.ok ? exitFastBody(order, signature) : undefined
}
