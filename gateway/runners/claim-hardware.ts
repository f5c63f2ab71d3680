import type { UnixMs } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import type { RegisterRequest } from '#protocol'
import { runnerId, type TonAddress, tonAddress } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import type { RunnersDeps } from './deps.ts'
import { HEARTBEAT_SECONDS } from './directory.ts'
import type { Judgement } from './judge-evidence.ts'
import { requireSettledPayee } from './require-payee.ts'
import type { RunnerRow } from './runner-store.ts'

const RUNNER_ID_BYTES = 10

/**
 * One chip, and one GPU, with one model is one runner, whoever asks and with whatever beside it: score, denial and
 * lease follow every certified id (H7).
 */
export async function claimHardware(
  deps: RunnersDeps,
  input: { request: RegisterRequest; judgement: Judgement; at: UnixMs },
): Promise<RunnerRow> {
  const { registration } = input.request
  const { at } = input
  const { sequence } = registration
  const ids = input.judgement.verdict.attested.hardware
  if (ids.length === 0) {
    throw new ApiError('evidence_refused', 'The evidence names no certified hardware', {
      param: 'hardware',
    })
  }
  const payee = tonAddress(registration.payee)
  const model = registration.model.id
  const sharing = await deps.store.sharingHardware(ids)
  if (sharing.some(({ state }) => state === 'denied')) {
    throw new ApiError('runner_denied', 'The operator of this gateway denies this machine')
  }
  const same = sharing.filter((row) => row.model === model)
  for (const row of same) refuseTakeover(deps, row, payee)
  const [known] = same
  if (known === undefined) {
    const id = runnerId(`run_${hex(deps.random(RUNNER_ID_BYTES))}`)
    const fresh = { created: at, seen: at, state: 'admitted' } as const
    return { id, payee, hardware: ids.join(','), model, sequence, ...fresh }
  }
  const live = deps.directory.find(known.id)
  const isSameKeyset = live?.lease.keysetDigest === registration.keyset_digest
  if (isSameKeyset && sequence <= known.sequence) {
    throw new ApiError('sequence_reused', 'registration.sequence was used before')
  }
  await requireSettledPayee(deps, known, { payee, at })
  // What was once seen together stays known: leaving a GPU out makes no new machine.
  const hardware = [...new Set([...known.hardware.split(','), ...ids])].join(',')
  return { ...known, payee, hardware, sequence, seen: at }
}

/** While one host serves on a machine, another wallet cannot take its place there. */
function refuseTakeover(deps: RunnersDeps, known: RunnerRow, payee: TonAddress): void {
  if (known.payee === payee) return
  const live = deps.directory.find(known.id)
  const silentMs = deps.clock() - (live?.load.seen ?? known.seen)
  if (live !== undefined && silentMs <= 3 * HEARTBEAT_SECONDS * 1000) {
    throw new ApiError('hardware_in_use', 'This machine serves the model for another wallet')
  }
}
