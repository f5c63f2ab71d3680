import { toSeconds } from '#base/brand.ts'
import {
  type HeartbeatRequest,
  ProtocolError,
  parseHeartbeatRequest,
  verifyHeartbeat,
} from '#protocol'
import { ApiError } from '../errors.ts'
import type { RunnersDeps, Voucher } from './deps.ts'
import { HEARTBEAT_SECONDS } from './directory.ts'

/** A heartbeat older or newer than this is not one of now. */
const MAX_SKEW_SECONDS = 300

export interface HeartbeatReply {
  readonly lease: { readonly expires_at: number; readonly heartbeat_seconds: number }
  readonly settlement: {
    readonly voucher?: Voucher
    readonly meter_key: string | null
    readonly charges: readonly never[]
  }
}

/**
 * Takes a sign of life: shape, lease, signature by its receipt key, time, a sequence never used before (H7).
 * @throws ApiError; `runner_not_found` means: register again
 */
export async function heartbeat(deps: RunnersDeps, body: unknown): Promise<HeartbeatReply> {
  const request = parse(body)
  const said = request.heartbeat
  const runner = deps.directory.find(said.runner_id)
  if (runner === undefined) {
    throw new ApiError('runner_not_found', 'No lease under this runner id: register again')
  }
  await verify(deps, request, runner.lease.keyset)
  const at = deps.clock()
  if (said.gateway !== deps.gatewayName || Math.abs(said.at - toSeconds(at)) > MAX_SKEW_SECONDS) {
    throw new ApiError('invalid_registration', 'heartbeat: not for this gateway or not of now')
  }
  if (!(await deps.store.advance(runner.id, said.sequence, at))) {
    throw new ApiError('sequence_reused', 'heartbeat.sequence was used before')
  }
  runner.load.seen = at
  runner.load.capacity = said.capacity
  const voucher = await deps.latestVoucher(runner.payee)
  return {
    lease: { expires_at: runner.lease.expires, heartbeat_seconds: HEARTBEAT_SECONDS },
    settlement: {
      ...(voucher === undefined ? {} : { voucher }),
      meter_key: deps.meterKey ?? null,
      charges: [],
    },
  }
}

function parse(body: unknown): HeartbeatRequest {
  try {
    return parseHeartbeatRequest(body, 'heartbeat')
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ApiError('invalid_registration', cause.message, { cause })
  }
}

async function verify(
  deps: RunnersDeps,
  request: HeartbeatRequest,
  keyset: Parameters<typeof verifyHeartbeat>[1],
): Promise<void> {
  try {
    await verifyHeartbeat(request, keyset, deps.verifier)
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ApiError('signature_invalid', cause.message, { cause })
  }
}
