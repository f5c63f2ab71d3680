import { toSeconds } from '#base/brand.ts'
import { fromUtf8 } from '#base/bytes.ts'
import { ProtocolError, parseTunnelProof, verifyTunnel } from '#protocol'
import { ApiError } from '../errors.ts'
import type { RunnersDeps } from './deps.ts'
import { isTrusted } from './directory.ts'
import type { LiveRunner } from './live-runner.ts'

type TunnelDeps = Pick<RunnersDeps, 'directory' | 'clock' | 'gatewayName' | 'verifier'>

/** The runner that may open a tunnel under this id: attested, and registered as one that dials out. @throws ApiError */
export function findTunnelRunner(deps: TunnelDeps, id: string | undefined): LiveRunner {
  const runner = id === undefined ? undefined : deps.directory.find(id)
  if (runner === undefined || !isTrusted(runner, toSeconds(deps.clock()))) {
    throw new ApiError('runner_not_found', 'No lease under this runner id: register again')
  }
  if (runner.lease.target.kind !== 'tunnel') {
    throw new ApiError('transport_refused', 'The registration names another transport')
  }
  return runner
}

/**
 * Proves that whoever sent this line on a connection holds the runner's receipt key (H15).
 * @param challenge made for this connection only
 * @throws ProtocolError
 */
export async function proveTunnel(
  deps: TunnelDeps,
  runner: LiveRunner,
  challenge: string,
  line: Uint8Array,
): Promise<void> {
  const proof = parseTunnelProof(jsonOf(line), 'proof')
  const expected = { gateway: deps.gatewayName, runnerId: runner.id, challenge }
  await verifyTunnel(proof, expected, runner.lease.keyset, deps.verifier)
}

function jsonOf(line: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(fromUtf8(line))
    return value
  } catch (cause) {
    throw new ProtocolError('message_invalid', 'proof: not JSON', { cause })
  }
}
