import { hex } from '#base/bytes.ts'
import { nano, parseTon } from '#base/nano.ts'
import {
  addBody,
  proposeBody,
  REGISTRY_KIND,
  type RegistryKind,
  registryTopUpBody,
  revokeBody,
  roleBody,
  setUriBody,
} from '#contracts'
import { type Action, openWallet, type SendFlags } from '../chain/perform.ts'
import { addressFlag } from '../chain/target.ts'
import { topUpStorage } from '../chain/top-up.ts'
import { UsageError } from '../command.ts'
import { keyFlag } from '../till/deploy.ts'
import { time } from '../till/status.ts'
import type { RegistryContext } from './context.ts'
import { stateOf } from './show.ts'

/** Covers every operation; the rest comes back. */
const VALUE = nano(parseTon('0.05'))
const NO_META = '0'.repeat(64)

export async function add(
  { registry, provider, address, target }: RegistryContext,
  flags: { readonly meta?: string | undefined },
  args: readonly string[],
): Promise<Action> {
  const { kind, hash } = entryArguments(args)
  const meta = keyFlag('--meta', flags.meta ?? NO_META)
  return {
    title: `add ${kind} ${args[1]}`,
    to: address,
    value: VALUE,
    body: addBody(kind, hash, meta),
    done: async () => {
      const entry = await registry.getEntry(provider, kind, hash)
      const isListed = entry.activeFrom !== 0 && entry.revokedAt === 0
      if (isListed && flags.meta !== undefined && entry.meta !== hex(meta)) {
        throw new UsageError(`it is listed with the meta ${entry.meta}: revoke it first`)
      }
      return isListed ? `it is listed: ${stateOf(entry, await now(target, address))}` : undefined
    },
  }
}

export async function revoke(
  { registry, provider, address, target }: RegistryContext,
  _flags: object,
  args: readonly string[],
): Promise<Action> {
  const { kind, hash } = entryArguments(args)
  return {
    title: `revoke ${kind} ${args[1]} at once`,
    to: address,
    value: VALUE,
    body: revokeBody(kind, hash),
    done: async () => {
      const entry = await registry.getEntry(provider, kind, hash)
      return entry.revokedAt === 0 ? undefined : stateOf(entry, await now(target, address))
    },
  }
}

/** Who is proposed accepts after the delay; the owner may cancel until then. */
export function propose(role: 'Owner' | 'Guardian') {
  return async (
    { registry, provider, address, target }: RegistryContext,
    flags: { readonly to?: string | undefined },
  ): Promise<Action> => {
    if (flags.to === undefined) throw new UsageError('--to ADDRESS is missing')
    const to = addressFlag('--to', flags.to, target)
    return {
      title: `propose ${to} as ${role.toLowerCase()}`,
      to: address,
      value: VALUE,
      body: proposeBody(`propose${role}`, to),
      done: async () => {
        const roles = await registry.getRoles(provider)
        if (roles[role === 'Owner' ? 'owner' : 'guardian'] === to) return 'it has the role already'
        const next = roles[`next${role}`]
        return next?.to === to ? `proposed; may accept from ${time(next.at)} on` : undefined
      },
    }
  }
}

/** Sent by the wallet of whoever was proposed. */
export function accept(role: 'Owner' | 'Guardian') {
  const name = role === 'Owner' ? 'owner' : 'guardian'
  return async (context: RegistryContext, flags: SendFlags): Promise<Action> => {
    const { registry, provider, address, target } = context
    const before = await registry.getRoles(provider)
    const next = before[`next${role}`]
    if (next !== null && next.at > (await now(target, address))) {
      throw new UsageError(`${next.to} may accept from ${time(next.at)} on`)
    }
    const heir = next?.to ?? (await ownRole(context, flags, before[name]))
    if (heir === undefined) {
      throw new UsageError(`nobody is proposed; the ${name} is ${before[name] ?? 'nobody'}`)
    }
    return {
      title: `accept to be ${name}`,
      to: address,
      value: VALUE,
      body: roleBody(`accept${role}`),
      done: async () =>
        (await registry.getRoles(provider))[name] === heir ? `the ${name} is ${heir}` : undefined,
    }
  }
}

/** Who has a role, when that is the wallet of this command: run again it has accepted already. */
async function ownRole(
  { io, target }: RegistryContext,
  flags: SendFlags,
  holder: string | null,
): Promise<string | undefined> {
  if (holder === null || flags['dry-run'] === true) return undefined
  return (await openWallet(io, target, flags)).address === holder ? holder : undefined
}

export async function cancelProposals({
  registry,
  provider,
  address,
}: RegistryContext): Promise<Action> {
  return {
    title: 'call every proposal off',
    to: address,
    value: VALUE,
    body: roleBody('cancelProposals'),
    done: async () => {
      const { nextOwner, nextGuardian } = await registry.getRoles(provider)
      return nextOwner === null && nextGuardian === null ? 'nobody is proposed' : undefined
    },
  }
}

export async function setUri(
  { registry, provider, address }: RegistryContext,
  _flags: object,
  [uri]: readonly string[],
): Promise<Action> {
  if (uri === undefined || !URL.canParse(uri)) throw new UsageError('a URI is missing')
  return {
    title: `say that more is found at ${uri}`,
    to: address,
    value: VALUE,
    body: setUriBody(uri),
    done: async () => ((await registry.getUri(provider)) === uri ? 'it says so' : undefined),
  }
}

export function topUpRegistry(
  context: RegistryContext,
  flags: { readonly amount?: string | undefined },
): Promise<Action> {
  return topUpStorage(context, flags, registryTopUpBody())
}

async function now(
  { chain }: RegistryContext['target'],
  address: RegistryContext['address'],
): Promise<number> {
  return (await chain.head(address)).syncedAt
}

function entryArguments([kind, hash]: readonly string[]) {
  const kinds = Object.keys(REGISTRY_KIND)
  if (kind === undefined || !kinds.includes(kind)) {
    throw new UsageError(`the kind is one of ${kinds.join(', ')}`)
  }
  // Sound: the kind was just found among the table's keys.
  return { kind: kind as RegistryKind, hash: keyFlag('the hash', hash ?? '') }
}
