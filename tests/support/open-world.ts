import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '#dev/world/ports.ts'
import { startWorld, type World, type WorldOptions } from '#dev/world/world.ts'

/** Ten times what a start takes on a busy machine of two cores. */
export const WORLD_START_MS = 120_000

/** The same flows run on both: vitest.config.ts says where. */
const PLATFORM = process.env['COCOON_PLATFORM'] === 'workerd' ? 'workerd' : 'node'

/** A world of its own: free ports, a folder of its own, every part a process. */
export async function openWorld(
  changes: Omit<Partial<WorldOptions>, 'ports' | 'folder'> = {},
  folder = newFolder(),
): Promise<World> {
  return startWorld({ ports: await freePorts(), folder, platform: PLATFORM, ...changes })
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'cocoon-flow-'))
}

export const SCRIPTED_MODEL = 'scripted'

/** An engine whose every answer a test writes: the last message's text is the script. */
export const SCRIPTED = {
  model: SCRIPTED_MODEL,
  engine: { kind: 'scripted', script: 'c3g0' },
  weights: `sha256:${'5c'.repeat(32)}`,
} as const
