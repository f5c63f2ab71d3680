import { type Clock, toSeconds, unixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes, fromHex, hex } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
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
import type { AccountId, TonAddress } from '../db/ids.ts'
import type { AccountState, Ledger, OrderedExit } from '../ledger/port.ts'
import type { Chain } from './chain.ts'
import { decideExit, type ExitCommand, type ExitOnChain } from './exit.ts'
import type { GasWallet, WalletMessage } from './gas-wallet.ts'
import { createMeterWord, type MeterWord } from './meter-word.ts'
import { readTill, type TillReader } from './read-till.ts'

/** Without an effect until then, a message is made and sent again. */
const PENDING_MS = 90_000

export interface ExitsDeps {
  readonly till: TonAddress
  readonly chain: Chain
  readonly wallet: GasWallet
  readonly ledger: Ledger
  /** What owners have ordered and is not over: some of it, in any order. */
  readonly orders: () => Promise<readonly OrderedExit[]>
  /** The meter key (M10): here it signs final debits. */
  readonly sign: Sign
  /** Its public half. */
  readonly meterKey: Bytes
  readonly sha256: Sha256
  /** The operator's part of the final debit, in basis points. */
  readonly feeBps: number
  readonly clock: Clock
}

export interface ExitStep {
  readonly account: AccountId
  readonly command: ExitCommand
}

export interface Exits {
  tick(): Promise<readonly ExitStep[]>
  /** Whether steps of the last round wait for gas: nothing was signed for them. */
  waitForGas(): boolean
}

/** What each message to the Till needs with it; steps that send none are not here. */
const GAS: Readonly<Partial<Record<ExitCommand['do'], Nano>>> = {
  request: TILL_VALUE.exitRequest,
  cancel: TILL_VALUE.exitCancel,
  finish: TILL_VALUE.exitFinish,
  fast: TILL_VALUE.exitFast,
}

/**
 * Carries ordered exits to their end. Every step follows from the Till and the books, so that a crash repeats one at most; every
 * message is refused by the Till when it comes twice.
 */
export function createExits(deps: ExitsDeps): Exits {
  const reader = readTill(deps.chain, deps.till)
  const word = createMeterWord(reader, deps)
  const sentAt = new Map<string, number>()
  let isPoor = false
  return {
    waitForGas: () => isPoor,
    async tick() {
      const steps: ExitStep[] = []
      const messages: WalletMessage[] = []
      let gas: bigint | undefined
      isPoor = false
      for (const exit of await deps.orders()) {
        const account = await stateOf(deps, exit.account)
        const command = await nextStep(deps, { reader, word }, { exit, account })
        steps.push({ account: exit.account, command })
        if (command.do === 'close') {
          await deps.ledger.commit([{ op: 'close_exit', account: exit.account }])
        }
        const step = `${exit.account} ${command.do}`
        if ((sentAt.get(step) ?? 0) + PENDING_MS > deps.clock()) continue
        const needed = GAS[command.do]
        if (needed === undefined) continue
        // A provider refuses the message of an empty wallet, which would end the round for everybody.
        gas ??= await deps.wallet.balance()
        if (needed > gas) {
          isPoor = true
          continue
        }
        const message = await messageFor(deps, { exit, account }, command)
        if (message === undefined) continue
        gas -= needed
        messages.push(message)
        sentAt.set(step, deps.clock())
      }
      if (messages.length > 0 && (await deps.wallet.send(messages)) === 'busy') sentAt.clear()
      for (const [step, at] of sentAt) if (at + PENDING_MS <= deps.clock()) sentAt.delete(step)
      return steps
    },
  }
}

interface Owned {
  readonly exit: OrderedExit
  /** Undefined: the books know no such account. */
  readonly account: AccountState | undefined
}

async function stateOf({ ledger }: ExitsDeps, account: AccountId) {
  const [read] = await ledger.commit([{ op: 'read_account', account }])
  return read.ok ? read.account : undefined
}

async function nextStep(
  { meterKey, clock }: ExitsDeps,
  from: { readonly reader: TillReader; readonly word: MeterWord },
  { exit, account }: Owned,
): Promise<ExitCommand> {
  if (account === undefined) return { do: 'close' }
  const { value } = await from.reader.account(exit.account)
  const { nonce, debit, available, capLeft, exitAt } = value
  const onChain: ExitOnChain = {
    ...{ nonce, debit, available, capLeft },
    exitAt: exitAt === 0 ? null : unixSeconds(exitAt),
    frozen: await from.word.isFrozen(),
    honoured: equalBytes((await from.word.keys()).key, meterKey),
  }
  return decideExit(exit, onChain, account, toSeconds(clock()))
}

async function messageFor(
  deps: ExitsDeps,
  { exit, account: state }: Owned,
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
  if (!state?.keys) return undefined
  const keys = accountKeysFromJson(JSON.parse(state.keys))
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
