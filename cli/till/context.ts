import { Address, type ContractProvider } from '@ton/core'
import { Till } from '#contracts'
import type { TonAddress } from '#gateway/db/ids.ts'
import { getProvider } from '#gateway/money/get-provider.ts'
import { contractAddress, openTarget, type Target, type TargetFlags } from '../chain/target.ts'
import { type CommandIo, UsageError } from '../command.ts'

/** A Till that a command is about. */
export interface TillContext {
  readonly io: CommandIo
  readonly target: Target
  readonly address: TonAddress
  readonly till: Till
  /** For the get-methods of `till`. */
  readonly provider: ContractProvider
}

export interface TillFlags extends TargetFlags {
  readonly till?: string | undefined
}

/** @throws UsageError when there is no Till at that address */
export async function openTill(io: CommandIo, flags: TillFlags): Promise<TillContext> {
  const target = await openTarget(io, flags)
  const address = contractAddress(io, target, { flag: flags.till, kind: 'till' })
  const { active } = await target.chain.head(address)
  if (!active) throw new UsageError(`there is no contract at ${address} on ${target.endpoint}`)
  const till = Till.createFromAddress(Address.parseRaw(address))
  return { io, target, address, till, provider: getProvider(target.chain, address) }
}
