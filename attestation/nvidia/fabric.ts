import type { DeviceFacts } from './prove.ts'

const ABSENT_LINK = '0'.repeat(16)

/**
 * What keeps a set of GPUs and switches from being one whole fabric; undefined when they are. Every GPU must name
 * exactly the switches that gave evidence, and every switch the same GPUs, as many as gave evidence.
 * @see https://docs.nvidia.com/confidential-computing (protected PCIe)
 */
export function fabricFault(
  devices: readonly DeviceFacts[],
  size: { readonly gpus: number; readonly switches: number },
): string | undefined {
  const gpus = devices.filter(({ identity }) => identity.kind === 'gpu')
  const switches = devices.filter(({ identity }) => identity.kind === 'switch')
  if (gpus.length !== size.gpus) return `${gpus.length} GPUs, ${size.gpus} make the fabric`
  if (switches.length !== size.switches) {
    return `${switches.length} switches, ${size.switches} make the fabric`
  }
  const present = switches.map(({ transcript }) => transcript.opaque.switchIds[0] ?? '')
  if (new Set(present).size !== switches.length) return 'switches do not have distinct ids'
  for (const [i, { transcript }] of gpus.entries()) {
    const named = transcript.opaque.switchIds.map(reversed)
    if (!sameSet(named, present)) return `GPU ${i} names other switches than gave evidence`
  }
  const [first] = switches
  const listed = first?.transcript.opaque.gpuIds ?? []
  for (const [i, { transcript }] of switches.entries()) {
    const ids = transcript.opaque.gpuIds
    if (!sameSet(ids, listed)) return `switch ${i} sees other GPUs than the first`
    if (new Set(ids).size !== gpus.length) return `switch ${i} sees ${new Set(ids).size} GPUs`
  }
  return undefined
}

/** GPUs write the ids of switches in the other byte order than the switches themselves. */
function reversed(id: string): string {
  return Array.from({ length: id.length / 2 }, (_, i) => id.slice(2 * i, 2 * i + 2))
    .reverse()
    .join('')
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const left = new Set(a.filter((id) => id !== ABSENT_LINK))
  const right = new Set(b)
  return left.size === right.size && [...left].every((id) => right.has(id))
}
