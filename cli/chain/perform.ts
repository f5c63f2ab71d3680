import { setTimeout as wait } from 'node:timers/promises'
import { beginCell, type Cell, type StateInit, storeStateInit } from '@ton/core'
import { base64url } from '#base/bytes.ts'
import { formatTon, type Nano, nano } from '#base/nano.ts'
import { friendlyAddress } from '#contracts'
import type { TonAddress } from '#gateway/db/ids.ts'
import { type GasWallet, openGasWallet } from '#gateway/money/gas-wallet.ts'
import { type CommandIo, EXIT, UsageError } from '../command.ts'
import { explainExit } from './exit-names.ts'
import { findMessage, newestOf, type Where } from './find-message.ts'
import { readSecret } from './secret.ts'
import type { Target } from './target.ts'

/** One message to a contract, and how to see that it has had its effect. */
export interface Action {
  /** In plain words, for the person who pays for it. */
  readonly title: string
  readonly to: TonAddress
  readonly value: Nano
  readonly body: Cell
  readonly init?: StateInit
  /** What the chain shows once it is done; undefined before. Asked first, so that nothing is done twice. */
  readonly done: () => Promise<string | undefined>
}

/** Flags of every command that sends. */
export const SEND_OPTIONS = {
  wallet: { type: 'string' },
  'dry-run': { type: 'boolean' },
} as const

export const SEND_HELP = `  --wallet FILE        the wallet that pays and sends (W5): 24 words or 64 hex digits; default: WALLET_SECRET
  --dry-run            send nothing: print the message, and a link by which any other wallet (a multisig, a phone) can
                       send it`

export interface SendFlags {
  readonly wallet?: string | undefined
  readonly 'dry-run'?: boolean | undefined
}

export const NETWORK_ID = { mainnet: -239, testnet: -3 } as const
/** For the wallet's own fees, and its deployment when this is its first message. */
const WALLET_FEE = 20_000_000n
const MAX_LOOKS = 120
/** Looks after the wallet's message was executed before the contract's answer is called a refusal. */
const LOOKS_FOR_EFFECT = 5

/**
 * Does an action once: looks whether it is done, sends, and waits until the chain shows its effect. Interrupted and run
 * again it finds what happened meanwhile.
 * @throws UsageError, MoneyError
 */
export async function perform(
  io: CommandIo,
  target: Target,
  flags: SendFlags,
  action: Action,
): Promise<number> {
  const already = await action.done()
  if (already !== undefined) {
    io.out(`nothing to do: ${already}`)
    return EXIT.ok
  }
  if (flags['dry-run'] === true) {
    printAction(io, action)
    return EXIT.ok
  }
  const wallet = await openWallet(io, target, flags)
  await requireFunds(wallet, target, action)
  io.out(`sending: ${action.title}`)
  const where = await newestOf(target, action.to)
  const { to, value, body, init } = action
  const message = { to, value, body, ...(init === undefined ? {} : { init }) }
  const sent = await wallet.send([message])
  if (sent === 'busy')
    throw new UsageError('the wallet has another message on its way; run again in a minute')
  return awaitEffect(io, target, action, { wallet, where })
}

/** @throws UsageError when no wallet is named */
export async function openWallet(
  io: CommandIo,
  target: Target,
  flags: SendFlags,
): Promise<GasWallet> {
  const { secretKey } = await readSecret(io, {
    file: flags.wallet,
    variable: 'WALLET_SECRET',
    flag: '--wallet',
  })
  return openGasWallet({ chain: target.chain, secretKey, networkId: NETWORK_ID[target.network] })
}

async function requireFunds(
  wallet: GasWallet,
  { network, isLocal }: Target,
  action: Action,
): Promise<void> {
  const [has, needs] = [await wallet.balance(), nano(action.value + WALLET_FEE)]
  if (has >= needs) return
  const address = friendlyAddress(wallet.address, { bounceable: false })
  throw new UsageError(
    `the wallet ${address} holds ${formatTon(has)} TON and needs ${formatTon(needs)} (what is not used comes back): fund it on ${isLocal ? 'the local chain' : network} first`,
  )
}

async function awaitEffect(
  io: CommandIo,
  target: Target,
  action: Action,
  { wallet, where }: { readonly wallet: GasWallet; readonly where: Where },
): Promise<number> {
  let left = LOOKS_FOR_EFFECT
  for (let look = 0; look < MAX_LOOKS && left > 0 && !io.stopped.aborted; look++) {
    const done = await action.done()
    if (done !== undefined) {
      io.out(`done: ${done}`)
      return EXIT.ok
    }
    if (!(await wallet.isBusy())) left--
    // Ends early when the command is asked to stop.
    await wait(target.lookMs, undefined, { signal: io.stopped }).catch(() => undefined)
  }
  if (left > 0) {
    io.err('nothing is seen of it yet, and it may still be executed: look again in a minute')
    return EXIT.failed
  }
  const reason = await refusal(target, wallet.address, where)
  io.err(reason === undefined ? 'the message was lost: run again' : `refused: ${reason}`)
  return EXIT.failed
}

/** Why the contract refused this wallet's message; undefined when it got none. */
async function refusal(
  target: Target,
  from: TonAddress,
  where: Where,
): Promise<string | undefined> {
  const ours = await findMessage(target, where, ({ info }) => info.src.toRawString() === from)
  if (ours?.description.type !== 'generic') return undefined
  const { computePhase, actionPhase } = ours.description
  if (computePhase.type === 'skipped') return `not executed (${computePhase.reason})`
  if (!computePhase.success) return explainExit(computePhase.exitCode)
  if (actionPhase?.success === false) return `its actions failed (${actionPhase.resultCode})`
  return undefined
}

/** What would be sent, for people and for other wallets. */
function printAction(io: CommandIo, { title, to, value, body, init }: Action): void {
  const boc = body.toBoc()
  const stateInit =
    init === undefined ? undefined : beginCell().store(storeStateInit(init)).endCell().toBoc()
  io.out(`would send  ${formatTon(value)} TON to ${friendlyAddress(to)} (${to})`)
  io.out(`to          ${title}`)
  io.out(`body        ${boc.toString('base64')}`)
  if (stateInit !== undefined) io.out(`init        ${stateInit.toString('base64')}`)
  const query = [
    `amount=${value}`,
    `bin=${base64url(new Uint8Array(boc))}`,
    ...(stateInit === undefined ? [] : [`init=${base64url(new Uint8Array(stateInit))}`]),
  ]
  const address = friendlyAddress(to, { bounceable: init === undefined })
  io.out(`link        ton://transfer/${address}?${query.join('&')}`)
}
