import type { Cell } from '@ton/core'
import { Blockchain, type SandboxContract, type TreasuryContract } from '@ton/sandbox'
import type { Nano } from '#base/nano.ts'
import { Registry } from '../registry.ts'
import { ton } from './keys.ts'
import { type Outcome, outcomeAt } from './outcome.ts'

export const START = 1_800_000_000
export const DELAY = 48 * 3600

type Treasury = SandboxContract<TreasuryContract>

/** A deployed Registry with its owner, its guardian and a stranger. */
export class RegistryWorld {
  readonly chain: Blockchain
  readonly registry: SandboxContract<Registry>
  readonly owner: Treasury
  readonly guardian: Treasury
  readonly stranger: Treasury

  private constructor(
    chain: Blockchain,
    registry: SandboxContract<Registry>,
    people: readonly [Treasury, Treasury, Treasury],
  ) {
    this.chain = chain
    this.registry = registry
    ;[this.owner, this.guardian, this.stranger] = people
  }

  static async create(
    options: { readonly guardian?: null; readonly code?: Cell } = {},
  ): Promise<RegistryWorld> {
    const chain = await Blockchain.create()
    chain.now = START
    const people = [
      await chain.treasury('owner'),
      await chain.treasury('guardian'),
      await chain.treasury('stranger'),
    ] as const
    const config = {
      owner: people[0].address.toRawString(),
      guardian: options.guardian === null ? null : people[1].address.toRawString(),
      delay: DELAY,
    }
    const registry = chain.openContract(Registry.createFromConfig(config, options.code))
    await registry.sendDeploy(people[0].getSender(), ton('1'))
    return new RegistryWorld(chain, registry, people)
  }

  now(): number {
    return this.chain.now ?? START
  }

  wait(seconds: number): void {
    this.chain.now = this.now() + seconds
  }

  async send(body: Cell, via: Treasury = this.owner, value: Nano = ton('0.05')): Promise<Outcome> {
    const { transactions } = await this.registry.sendBody(via.getSender(), { value, body })
    return outcomeAt(this.registry.address.toRawString(), transactions)
  }
}
