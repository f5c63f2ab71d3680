import { createHash } from 'node:crypto'
import { keyPairFromSeed } from '@ton/crypto'
import {
  type Address,
  type Cell,
  comment,
  internal,
  type Sender,
  SendMode,
  type StateInit,
  TonClient,
  WalletContractV5R1,
} from '@ton/ton'
import { devRpc } from './dev-rpc.ts'

const EXPIRY_SECONDS = 60

export interface WalletTransfer {
  readonly to: Address
  /** NanoTON. */
  readonly value: bigint
  readonly comment?: string
  readonly body?: Cell
  readonly bounce?: boolean
  /** Deploys the receiver. */
  readonly init?: StateInit
}

/** A plain V5 wallet over the JSON-RPC, as any user has one; its key comes from a name, so it holds play money only. */
export interface DevWallet {
  readonly address: Address
  /** For `client.open(contract).sendX(wallet.sender, …)`. */
  readonly sender: Sender
  /** Takes `amount` TON ("10") from the faucet. */
  fund(amount: string): Promise<void>
  /** Signs and sends one transfer; the wallet is deployed with its first. Resolves when the chain took it. */
  transfer(transfer: WalletTransfer): Promise<void>
  balance(): Promise<bigint>
}

export function openDevWallet(endpoint: string, name: string): DevWallet {
  const seed = createHash('sha256').update(`development wallet ${name}`).digest()
  const { publicKey, secretKey } = keyPairFromSeed(seed)
  const client = new TonClient({ endpoint })
  const wallet = client.open(WalletContractV5R1.create({ workchain: 0, publicKey }))
  const dev = devRpc(endpoint, fetch)

  const send = async (message: Omit<WalletTransfer, 'comment'>): Promise<void> => {
    // The chain judges the expiry by its own clock, which a test may have moved.
    const { timestampt } = await client.getContractState(wallet.address)
    await wallet.sendTransfer({
      seqno: await wallet.getSeqno(),
      timeout: timestampt + EXPIRY_SECONDS,
      secretKey,
      sendMode: SendMode.PAY_GAS_SEPARATELY,
      messages: [internal({ bounce: true, ...message })],
    })
  }

  return {
    address: wallet.address,
    sender: {
      address: wallet.address,
      send: ({ to, value, bounce, init, body }) =>
        send({
          to,
          value,
          bounce: bounce ?? true,
          ...(init ? { init } : {}),
          ...(body ? { body } : {}),
        }),
    },
    fund: (amount) =>
      dev.faucet({ address: wallet.address.toString({ bounceable: false }), amount }),
    transfer: ({ comment: text, ...message }) =>
      send(text === undefined ? message : { ...message, body: comment(text) }),
    balance: () => client.getBalance(wallet.address),
  }
}
