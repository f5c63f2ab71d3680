import { toSeconds, type UnixMs, unixSeconds } from '#base/brand.ts'
import { hex, utf8 } from '#base/bytes.ts'
import { type SessionId, sessionId } from '#gateway/db/ids.ts'
import { toLiveRunner } from '#gateway/runners/live-from-rows.ts'
import type { Standing } from '#gateway/runners/live-runner.ts'
import { newLoad } from '#gateway/runners/load.ts'
import { parseKeyset } from '#protocol'
import type { Dice } from './dice.ts'
import type { GatewayProcess } from './gateway-process.ts'
import { sha256 } from './quick-crypto.ts'
import { MODEL, type RunnerModel } from './runner-model.ts'

/** How long a verdict holds, and a reading of the Registry. */
export const VERDICT_SECONDS = 600
const KEYSET_SECONDS = 24 * 3_600
export const CONTEXT_LENGTH = 2_048
export const MOST_TOKENS = 256

/**
 * What registration and appraisal do to leases. The verdict alone is made up: an image is good while the Registry as this gateway
 * reads it says so. Everything that is stored, restored and cut is the gateway's own.
 */
export async function register(
  process: GatewayProcess,
  runner: RunnerModel,
  {
    dice,
    at,
    onKeys,
  }: {
    readonly dice: Dice
    readonly at: UnixMs
    /** Told of the keys before anything is stored: a crash may keep the lease and lose the answer. */
    readonly onKeys: (session: SessionId, until: number) => void
  },
): Promise<void> {
  const allowlist = await process.allowlist.current()
  if (!allowlist.images.has(runner.image)) return
  const now = toSeconds(at)
  const notAfter = now + KEYSET_SECONDS
  const session = sessionId(hex(sha256(utf8(`${runner.id} ${runner.sequence} ${at}`))))
  const allowanceKey = dice.bytes(32)
  const { keyset, digest } = runner.rotate(session, allowanceKey, notAfter)
  onKeys(session, notAfter)
  const rows = {
    runner: {
      id: runner.id,
      payee: runner.payee,
      hardware: `chip of ${runner.id}`,
      model: MODEL,
      state: 'admitted' as const,
      sequence: ++runner.sequence,
      created: at,
      seen: at,
    },
    session: {
      id: session,
      runner: runner.id,
      keyset_digest: digest,
      document: JSON.stringify({ workload_keyset: keyset }),
      evidence: JSON.stringify({ image: runner.image }),
      collateral: '',
      at,
      appraised: at,
      cut: null,
    },
    lease: {
      runner: runner.id,
      session,
      keyset: JSON.stringify(keyset),
      keyset_digest: digest,
      transport: `http://${runner.id}.simulation`,
      origin: `http://${runner.id}.origin`,
      context_length: CONTEXT_LENGTH,
      max_output_tokens: MOST_TOKENS,
      price_coefficient_bps: 10_000,
      capacity: 8,
      allowance_key: allowanceKey,
      expires: unixSeconds(notAfter),
      at,
      capabilities: null,
    },
  }
  await process.runners.register(rows)
  const load = process.directory.find(runner.id)?.load ?? newLoad(at)
  load.seen = at
  load.capacity = rows.lease.capacity
  const { hashes } = process.front.inference.provider
  const standing = standingOf(runner.image, allowlist.readAt)
  process.directory.put(toLiveRunner(rows, { keyset, standing, load, hashes }))
}

/** Every lease is judged anew, after a restart and as time goes on. */
export async function appraise(process: GatewayProcess, at: UnixMs): Promise<void> {
  const { runners, directory } = process
  for (const { runner, lease, session } of await runners.leased()) {
    if (lease.expires <= toSeconds(at)) {
      await runners.endLease(runner.id, session.id)
      directory.remove(runner.id)
      continue
    }
    const allowlist = await process.allowlist.current()
    // Sound: written by `register`.
    const { image } = JSON.parse(session.evidence) as { image: string }
    if (!allowlist.images.has(image)) {
      await runners.cutSession(session.id, 'evidence.image')
      await runners.endLease(runner.id, session.id)
      directory.remove(runner.id)
      continue
    }
    const standing = standingOf(image, allowlist.readAt)
    if (directory.find(runner.id) !== undefined) {
      directory.setStanding(runner.id, session.id, standing)
      continue
    }
    const keyset = parseKeyset(JSON.parse(lease.keyset), 'keyset')
    const load = newLoad(runner.seen, await runners.findScore(runner.id))
    const { hashes } = process.front.inference.provider
    directory.put(toLiveRunner({ runner, lease }, { keyset, standing, load, hashes }))
  }
}

/** Nothing is sealed to a runner beyond the age that the policy accepts of the Registry. */
function standingOf(image: string, readAt: number): Standing {
  const attested = { technology: 'sev-snp', imageHash: image, registers: {}, reportData: '' }
  // Sound: nobody in a simulation reads claims.
  return {
    status: 'simulated',
    claims: {},
    attested,
    appraised: unixSeconds(readAt),
    validUntil: unixSeconds(readAt + VERDICT_SECONDS),
  } as unknown as Standing
}
