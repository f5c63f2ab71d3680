import type { FuzzTarget } from '../engine/target.ts'
import { attestationTargets } from './attestation.ts'
import { clientTargets } from './client.ts'
import { gatewayTargets } from './gateway.ts'
import { moneyTargets } from './money.ts'
import { movingTargets } from './moving.ts'
import { protocolTargets } from './protocol.ts'
import { routeTargets } from './routes.ts'
import { runnerTargets } from './runner.ts'

/** What comes from outside, and the targets that meet it first: they are run before all others. */
export const FORMATS: Readonly<Record<string, readonly string[]>> = {
  quotes: ['quote', 'TDX evidence'],
  reports: ['SNP report'],
  certificates: ['certificate'],
  CRLs: ['CRL'],
  OCSP: ['OCSP response'],
  'RIM XML': ['XML', 'reference manifest'],
  SPDM: ['SPDM transcript'],
  'EHBP frames': ['EHBP frames'],
  'EHBP headers': ['EHBP headers'],
  SSE: ['event stream (SSE)'],
  'JSON bodies': ['body of /v1/chat/completions', 'sealed body of /v1/chat/completions'],
  JWTs: ['attestation token', 'session token (JWT), its MAC'],
  'TON cells': ['bag of cells'],
  'TON transactions': ['TON transaction'],
  GGUF: ['GGUF'],
  configuration: ['settings of the gateway', 'settings of the runner'],
}

/** Every parser of bytes from outside, the first of each format before the others. */
export async function allTargets(): Promise<readonly FuzzTarget[]> {
  const targets = [
    ...(await attestationTargets()),
    ...(await protocolTargets()),
    ...(await moneyTargets()),
    ...(await gatewayTargets()),
    ...(await routeTargets()),
    ...movingTargets(),
    ...runnerTargets(),
    ...(await clientTargets()),
  ]
  const first = new Set(Object.values(FORMATS).flat())
  return [
    ...targets.filter(({ name }) => first.has(name)),
    ...targets.filter(({ name }) => !first.has(name)),
  ]
}
