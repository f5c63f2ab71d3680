import { nano, parseTon } from '#base/nano.ts'
import { friendlyAddress, Registry, registryTopUpBody } from '#contracts'
import { tonAddress } from '#gateway/db/ids.ts'
import { openWallet, perform, type SendFlags } from '../chain/perform.ts'
import { addressFlag, openTarget, type TargetFlags } from '../chain/target.ts'
import { type CommandIo, UsageError } from '../command.ts'

export const REGISTRY_DEPLOY_OPTIONS = {
  owner: { type: 'string' },
  guardian: { type: 'string' },
  'delay-hours': { type: 'string', default: '48' },
} as const

type Flags = SendFlags &
  TargetFlags & { readonly [Name in keyof typeof REGISTRY_DEPLOY_OPTIONS]?: string | undefined }

const RESERVE = nano(parseTon('1'))
const HOUR_SECONDS = 3_600

/** Deploys a Registry; the same settings lead to the same address, so that a second run finds the first. */
export async function deployRegistry(io: CommandIo, flags: Flags): Promise<number> {
  const target = await openTarget(io, flags)
  const hours = flags['delay-hours'] ?? ''
  if (!/^\d{1,4}$/.test(hours)) throw new UsageError('--delay-hours is a whole number')
  const { owner, guardian } = flags
  const registry = Registry.createFromConfig({
    owner:
      owner === undefined
        ? (await openWallet(io, target, flags)).address
        : addressFlag('--owner', owner, target),
    guardian: guardian === undefined ? null : addressFlag('--guardian', guardian, target),
    delay: Number(hours) * HOUR_SECONDS,
  })
  const address = tonAddress(registry.address.toRawString())
  if (registry.init === undefined) throw new Error('no StateInit')
  io.out(`Registry    ${friendlyAddress(address)} (${address})`)
  const code = await perform(io, target, flags, {
    title: 'deploy the Registry',
    to: address,
    value: RESERVE,
    body: registryTopUpBody(),
    init: registry.init,
    done: async () =>
      (await target.chain.head(address)).active ? 'the Registry is deployed' : undefined,
  })
  if (code === 0) io.out(`REGISTRY_ADDRESS=${address}`)
  return code
}
