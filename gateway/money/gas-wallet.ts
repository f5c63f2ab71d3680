import {
  Address,
  beginCell,
  type Cell,
  external,
  internal,
  SendMode,
  type StateInit,
  storeMessage,
} from '@ton/core'
import { WalletContractV5R1 } from '@ton/ton'
import type { Bytes } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import { type TonAddress, tonAddress } from '../db/ids.ts'
import type { Chain } from './chain.ts'
import { MoneyError } from './errors.ts'

/** After that the wallet's contract refuses the message, so that it may be made anew. */
const VALID_SECONDS = 60
/** Messages of one transfer; W5 takes 255. */
export const MAX_MESSAGES = 100

export interface WalletMessage {
  readonly to: TonAddress
  readonly value: Nano
  readonly body: Cell
  /** Deploys the receiver; such a message cannot bounce. */
  readonly init?: StateInit
}

/** A wallet that pays for the cashier's messages and holds nothing else. */
export interface GasWallet {
  readonly address: TonAddress
  balance(): Promise<Nano>
  /** Whether the last transfer may still be executed. @throws MoneyError */
  isBusy(): Promise<boolean>
  /**
   * Signs and hands over one transfer. It may fail all the same: only its effects say that it did not.
   * @throws MoneyError
   */
  send(messages: readonly WalletMessage[]): Promise<'sent' | 'busy'>
}

export interface GasWalletOptions {
  readonly chain: Chain
  /** Ed25519: 32 bytes of seed and 32 of public key. */
  readonly secretKey: Bytes
  /** -239 on mainnet, -3 on testnet. */
  readonly networkId: number
}

export function openGasWallet({ chain, secretKey, networkId }: GasWalletOptions): GasWallet {
  const wallet = WalletContractV5R1.create({
    workchain: 0,
    publicKey: Buffer.from(secretKey.subarray(32)),
    walletId: { networkGlobalId: networkId },
  })
  const address = tonAddress(wallet.address.toRawString())
  let last: { readonly seqno: number; readonly until: number } | undefined

  async function read() {
    const { active, syncedAt } = await chain.head(address)
    const seqno = active ? (await chain.runGet(address, 'seqno', [])).stack.readNumber() : 0
    const busy = last !== undefined && seqno <= last.seqno && syncedAt <= last.until
    return { active, syncedAt, seqno, busy }
  }

  return {
    address,
    balance: async () => (await chain.head(address)).balance,
    isBusy: async () => (await read()).busy,
    async send(messages) {
      const { active, syncedAt, seqno, busy } = await read()
      if (busy) return 'busy'
      const timeout = syncedAt + VALID_SECONDS
      last = { seqno, until: timeout }
      const body = wallet.createTransfer({
        seqno,
        timeout,
        secretKey: Buffer.from(secretKey),
        // One message that fails must not take the others with it.
        sendMode: SendMode.PAY_GAS_SEPARATELY | SendMode.IGNORE_ERRORS,
        messages: messages.map(({ to, value, body, init }) =>
          internal({
            to: Address.parseRaw(to),
            value,
            body,
            bounce: init === undefined,
            ...(init === undefined ? {} : { init }),
          }),
        ),
      })
      const message = external({
        to: wallet.address,
        body,
        ...(active ? {} : { init: wallet.init }),
      })
      const cell = beginCell().store(storeMessage(message)).endCell()
      await handOver(chain, cell.toBoc().toString('base64'))
      return 'sent'
    },
  }
}

/** An answer that was lost says nothing about the message: the chain does. */
async function handOver(chain: Chain, boc: string): Promise<void> {
  try {
    await chain.send(boc)
  } catch (error) {
    if (!(error instanceof MoneyError) || error.code === 'bad_answer') throw error
  }
}
