import { friendlyAddress, isActive, type RegistryEntry } from '#contracts'
import { EXIT } from '../command.ts'
import { time } from '../till/status.ts'
import { printable } from '../verify/printable.ts'
import type { RegistryContext } from './context.ts'

const HOUR_SECONDS = 3_600

/** Everything that a Registry lists, with what waits and since when what is revoked. */
export async function showRegistry(context: RegistryContext): Promise<number> {
  const { io, registry, provider, address, target } = context
  const [{ version, entries }, roles, delay, uri, { syncedAt }] = [
    await registry.getSnapshot(provider),
    await registry.getRoles(provider),
    await registry.getDelay(provider),
    await registry.getUri(provider),
    await target.chain.head(address),
  ]
  const line = (name: string, text: string) => io.out(`${name.padEnd(12)}${text}`)
  line('Registry', `${friendlyAddress(address)} (${address})`)
  line('version', String(version))
  line('additions', `wait ${delay / HOUR_SECONDS} h`)
  line('owner', roles.owner)
  if (roles.nextOwner !== null) {
    line('', `proposed: ${roles.nextOwner.to}, may accept from ${time(roles.nextOwner.at)} on`)
  }
  line('guardian', roles.guardian ?? 'none')
  if (roles.nextGuardian !== null) {
    line(
      '',
      `proposed: ${roles.nextGuardian.to}, may accept from ${time(roles.nextGuardian.at)} on`,
    )
  }
  if (uri !== null) line('uri', printable(uri))
  for (const [kind, listed] of Object.entries(entries)) {
    for (const [hash, entry] of listed) line(kind, `${hash} ${stateOf(entry, syncedAt)}`)
  }
  return EXIT.ok
}

export function stateOf(entry: RegistryEntry, now: number): string {
  if (entry.revokedAt !== 0) {
    return entry.activeFrom === 0 ? 'denied' : `revoked ${time(entry.revokedAt)}`
  }
  return isActive(entry, now) ? 'active' : `waits until ${time(entry.activeFrom)}`
}
