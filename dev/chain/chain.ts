import {
  Address,
  beginCell,
  type Cell,
  external,
  internal,
  loadTransaction,
  type Message,
  type ShardAccount,
  storeTransaction,
  type Transaction,
} from '@ton/core'
import {
  Blockchain,
  type BlockchainTransaction,
  type SandboxContract,
  type TreasuryContract,
} from '@ton/sandbox'
import { type Clock, toSeconds } from '#base/brand.ts'
import { type Block, History } from './history.ts'

const FORGET_EVERY_BLOCKS = 512

export interface ChainOptions {
  readonly clock: Clock
  /** Milliseconds between blocks; absent: every accepted message makes its block at once. */
  readonly blockMs?: number
}

export interface FaucetTransfer {
  readonly to: Address
  /** NanoTON. */
  readonly value: bigint
  readonly bounce: boolean
  readonly body?: Cell
}

export interface FeeEstimate {
  readonly in_fwd_fee: number
  readonly storage_fee: number
  readonly gas_fee: number
  readonly fwd_fee: number
}

/** An external message that no contract accepted; a real node refuses it in the same words. */
export class NotAccepted extends Error {
  override readonly name = 'NotAccepted'
}

/**
 * A development chain: the real TVM over accounts in memory, with blocks, a settable clock and no consensus.
 * Time never goes backwards, messages are executed one after another, and every message's whole cascade
 * lands in one block.
 */
export class Chain {
  readonly sandbox: Blockchain
  readonly history: History
  readonly #faucet: SandboxContract<TreasuryContract>
  readonly #options: ChainOptions
  #offset = 0
  #queue: Promise<unknown> = Promise.resolve()
  #pool: Message[] = []
  #timer: NodeJS.Timeout | undefined

  private constructor(
    sandbox: Blockchain,
    history: History,
    faucet: SandboxContract<TreasuryContract>,
    options: ChainOptions,
  ) {
    this.sandbox = sandbox
    this.#faucet = faucet
    this.history = history
    this.#options = options
  }

  static async create(options: ChainOptions): Promise<Chain> {
    const sandbox = await Blockchain.create()
    sandbox.now = toSeconds(options.clock())
    const faucet = await sandbox.treasury('faucet')
    const chain = new Chain(sandbox, History.start(sandbox.now), faucet, options)
    chain.#startTimer()
    return chain
  }

  /** A second chain with the same past: what a provider on another fork, or a lying one, shows. */
  async fork(): Promise<Chain> {
    return this.#exclusive(async () => {
      const sandbox = await Blockchain.create()
      await sandbox.loadFrom({ ...this.sandbox.snapshot(), transactions: [] })
      const forked = new Chain(sandbox, this.history.copy(), this.#faucet, this.#options)
      forked.#offset = this.#offset
      forked.#startTimer()
      return forked
    })
  }

  /** Chain time in Unix seconds: the clock plus what `advance` added, never before the last block. */
  now(): number {
    const last = this.history.block(this.history.seqno)?.time ?? 0
    return Math.max(toSeconds(this.#options.clock()) + this.#offset, last)
  }

  advance(seconds: number): void {
    if (seconds < 0) throw new RangeError('chain time does not go backwards')
    this.#offset += seconds
  }

  /**
   * Takes an external or internal message: executed into a block at once, or pooled until the next block.
   * @throws NotAccepted when the receiver does not accept it (instant blocks only)
   */
  async submit(message: Message): Promise<void> {
    if (this.#options.blockMs === undefined) {
      await this.#exclusive(() => this.#execute([message]))
    } else {
      this.#pool.push(message)
    }
  }

  /** Executes `message` into a block of its own now, whatever the block interval is. */
  async execute(message: Message): Promise<Block> {
    return this.#exclusive(() => this.#execute([message]))
  }

  /** Sends from a bottomless wallet, in a block of its own. */
  async faucet(transfer: FaucetTransfer): Promise<Block> {
    const body = this.#faucet.createTransfer({ messages: [internal(transfer)] })
    return this.execute(external({ to: this.#faucet.address, body }))
  }

  /** Makes a block of everything pooled; messages that nobody accepts vanish, as in a real pool. */
  async mine(): Promise<Block> {
    return this.#exclusive(async () => {
      const pooled = this.#pool
      this.#pool = []
      return this.#execute(pooled, { tolerant: true })
    })
  }

  /** The fees, in nanoTON, that `message` would cost its receiver; the chain stays as it is. */
  async dryRun(message: Message, params: { ignoreChksig: boolean }): Promise<FeeEstimate> {
    return this.#exclusive(async () => {
      const before = this.sandbox.snapshot()
      try {
        this.sandbox.now = this.now()
        const { transactions } = await this.sandbox.sendMessage(message, params)
        return feesOf(transactions[0])
      } finally {
        await this.sandbox.loadFrom(before)
      }
    })
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #startTimer(): void {
    const period = this.#options.blockMs
    if (period === undefined) return
    this.#timer = setInterval(() => void this.mine(), period)
    this.#timer.unref()
  }

  #exclusive<T>(action: () => Promise<T>): Promise<T> {
    const run = this.#queue.then(action)
    this.#queue = run.catch(() => undefined)
    return run
  }

  async #execute(messages: readonly Message[], options = { tolerant: false }): Promise<Block> {
    const time = this.now()
    const executed: { account: string; transaction: Transaction; hash: Buffer }[] = []
    const states = new Map<string, ShardAccount>()
    for (const message of messages) {
      try {
        for await (const transaction of await this.#run(message, time)) {
          const address = receiver(transaction)
          const account = address.toRawString()
          const cell = beginCell().store(storeTransaction(transaction)).endCell()
          // Read back from its cell, it drops the logs and links that the sandbox keeps for debugging.
          const plain = loadTransaction(cell.beginParse())
          executed.push({ account, transaction: plain, hash: cell.hash() })
          states.set(account, (await this.sandbox.getContract(address)).account)
        }
      } catch (error) {
        if (!options.tolerant) {
          throw new NotAccepted('the external message was not accepted', { cause: error })
        }
      }
    }
    await this.#forgetLogs()
    return this.history.append(time, executed, states)
  }

  /** The sandbox remembers every transaction with its logs; our own history keeps what is needed. */
  async #forgetLogs(): Promise<void> {
    const height = this.history.seqno
    if (height % FORGET_EVERY_BLOCKS !== 0) return
    await this.sandbox.loadFrom({ ...this.sandbox.snapshot(), transactions: [] })
  }

  async #run(message: Message, time: number): Promise<AsyncIterable<BlockchainTransaction>> {
    this.sandbox.now = time
    return this.sandbox.sendMessageIter(message)
  }
}

function receiver(transaction: BlockchainTransaction): Address {
  const destination = transaction.inMessage?.info.dest
  if (!Address.isAddress(destination)) throw new Error('a transaction without a receiver')
  return destination
}

function feesOf(transaction: BlockchainTransaction | undefined): FeeEstimate {
  if (transaction?.description.type !== 'generic') throw new Error('no ordinary transaction')
  const { storagePhase, computePhase, actionPhase } = transaction.description
  const storage = storagePhase?.storageFeesCollected ?? 0n
  const gas = computePhase.type === 'vm' ? computePhase.gasFees : 0n
  const action = actionPhase?.totalActionFees ?? 0n
  return {
    in_fwd_fee: Number(transaction.totalFees.coins - storage - gas - action),
    storage_fee: Number(storage),
    gas_fee: Number(gas),
    fwd_fee: Number(actionPhase?.totalFwdFees ?? 0n),
  }
}
