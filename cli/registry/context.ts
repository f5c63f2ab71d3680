import { Address, type ContractProvider } from '@ton/core'
import { Registry } from '#contracts'
import type { TonAddress } from '#gateway/db/ids.ts'
import { getProvider } from '#gateway/money/get-provider.ts'
import { contractAddress, openTarget, type Target, type TargetFlags } from '../chain/target.ts'
import { type CommandIo, UsageError } from '../command.ts'

/** A Registry that a command is about. */
export interface RegistryContext {
  readonly io: CommandIo
  readonly target: Target
  readonly address: TonAddress
  readonly registry: Registry
  /** For the get-methods of `registry`. */
  readonly provider: ContractProvider
}

export interface RegistryFlags extends TargetFlags {
  readonly registry?: string | undefined
}

/** @throws UsageError when there is no Registry at that address */
export async function openRegistry(io: CommandIo, flags: RegistryFlags): Promise<RegistryContext> {
  const target = await openTarget(io, flags)
  const address = contractAddress(io, target, { flag: flags.registry, kind: 'registry' })
  const { active } = await target.chain.head(address)
  if (!active) throw new UsageError(`there is no contract at ${address} on ${target.endpoint}`)
  const registry = Registry.createFromAddress(Address.parseRaw(address))
  return { io, target, address, registry, provider: getProvider(target.chain, address) }
}
