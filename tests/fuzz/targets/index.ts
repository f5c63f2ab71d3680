import type { FuzzTarget } from '../engine/target.ts'
import { attestationTargets } from './attestation.ts'
import { clientTargets } from './client.ts'
import { gatewayTargets } from './gateway.ts'
import { moneyTargets } from './money.ts'
import { protocolTargets } from './protocol.ts'
import { runnerTargets } from './runner.ts'

/** Every parser of bytes from outside. */
export async function allTargets(): Promise<readonly FuzzTarget[]> {
  return [
    ...(await attestationTargets()),
    ...(await protocolTargets()),
    ...(await moneyTargets()),
    ...(await gatewayTargets()),
    ...runnerTargets(),
    ...(await clientTargets()),
  ]
}
