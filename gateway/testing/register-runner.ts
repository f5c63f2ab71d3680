import {
  type Capabilities,
  parseRegisterAnswer,
  type RegisterAnswer,
  type Report,
  type Signer,
  signRegistration,
} from '#protocol'
import type { IdentityChanges, RunnerIdentity } from './runner-identity.ts'
import { MODEL, PAYEE } from './world.ts'

export interface RegistrationChanges extends IdentityChanges {
  /** Last moment changes of what is sent. */
  readonly payee?: string
  readonly url?: string
  readonly report?: (report: Report) => Report
  readonly signer?: Signer
  readonly challenge?: string
  readonly gateway?: string
  readonly coefficientBps?: number
  readonly capacity?: number
  readonly maxOutputTokens?: number
  readonly capabilities?: Capabilities
}

/** A registration that the gateway refused. */
export class RegistrationRefused extends Error {
  readonly status: number
  readonly error: { code: string; param: string | null; message: string }

  constructor(status: number, error: RegistrationRefused['error']) {
    super(error.message)
    this.status = status
    this.error = error
  }
}

/** Proves a runner to a gateway. @throws RegistrationRefused */
export async function registerRunner(
  origin: string,
  runner: Pick<RunnerIdentity, 'report' | 'signer'>,
  url: string,
  changes: RegistrationChanges,
): Promise<RegisterAnswer> {
  const asked = await fetch(`${origin}/v1/runners/challenge`, { method: 'POST', body: '{}' })
  // Sound: a 200 of this route has this shape.
  const issued = (await asked.json()) as { challenge: string; gateway: string }
  const challenge = changes.challenge ?? issued.challenge
  const honest = await runner.report(challenge)
  const report = changes.report?.(honest) ?? honest
  const body = signRegistration(
    {
      gateway: changes.gateway ?? issued.gateway,
      challenge,
      payee: changes.payee ?? PAYEE,
      transport: { kind: 'direct', url },
      model: {
        id: MODEL,
        context_length: 4_096,
        max_output_tokens: changes.maxOutputTokens ?? 1_024,
        price_coefficient_bps: changes.coefficientBps ?? 10_000,
        ...(changes.capabilities === undefined ? {} : { capabilities: changes.capabilities }),
      },
      capacity: changes.capacity ?? 8,
      sequence: 1,
      keyset_digest: report.workload_keyset_digest,
    },
    report,
    changes.signer ?? runner.signer,
  )
  const response = await fetch(`${origin}/v1/runners/register`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  const told: unknown = await response.json()
  if (!response.ok) {
    // Sound: every error of the gateway has this shape.
    throw new RegistrationRefused(
      response.status,
      (told as { error: RegistrationRefused['error'] }).error,
    )
  }
  return parseRegisterAnswer(told, 'register')
}
