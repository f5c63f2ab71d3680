import { openAmdForge } from '#dev/forge/amd.ts'
import type { SimulatedTee } from '#dev/world/simulated-tee.ts'

/** Another chip of the same maker, beside the first: for a gateway it is another machine. */
export async function secondMachine(first: SimulatedTee): Promise<SimulatedTee> {
  const { amd } = first
  const hwid = crypto.getRandomValues(new Uint8Array(amd.hwid.length))
  return { ...first, amd: await openAmdForge({ ...(await amd.export()), hwid }) }
}
