import { type Random, toSeconds } from '#base/brand.ts'
import { ClientError } from '#client'
import type { ShownCheck } from '#client/documents'
import { reportExhibit } from '#client/documents'
import type { OpenedEngine, Quoter, RunnerConfig } from '#enclave-runner/main.ts'
import type { Report } from '#protocol'
import { type CommandIo, UsageError } from '../command.ts'
import { type Judgement, judgeExhibit } from '../verify/judge.ts'
import type { VerifyOptions } from '../verify/options.ts'
import { found } from './findings.ts'
import { examineMachine } from './machine.ts'
import { examineOutlook } from './outlook.ts'
import { examineGateways, type NetworkDeps } from './surroundings.ts'

export interface DoctorDeps extends NetworkDeps {
  readonly random: Random
  readonly openQuoter: () => Promise<Quoter>
  readonly openEngine: (config: RunnerConfig) => Promise<OpenedEngine>
}

/** Where the allowlist is read, and whose roots count. */
export interface DoctorOptions {
  readonly endpoints: readonly string[]
  readonly registry: string | undefined
  /** File with the roots of a development world. */
  readonly simulation: string | undefined
}

export interface Diagnosis {
  readonly checks: readonly ShownCheck[]
  /** What a gateway would say of this machine; undefined when nothing could be judged. */
  readonly judgement: Judgement | undefined
  readonly attested: { readonly report: Report; readonly nonce: string } | undefined
}

/**
 * Everything that stands between a machine and its first paid request:
 * 1. engine, TEE device, GPUs  2. the report that they make, judged as a gateway judges it, with the vendors' collateral
 * and the Registry  3. what Intel will demand next  4. clock, gateways and chain
 */
export async function examine(
  io: CommandIo,
  deps: DoctorDeps,
  config: RunnerConfig,
  options: DoctorOptions,
): Promise<Diagnosis> {
  const now = toSeconds(deps.clock())
  const machine = await examineMachine({ ...deps, now }, config)
  const { attested } = machine
  const judged = attested === undefined ? undefined : await judgeSelf(io, deps, attested, options)
  const surroundings = await examineGateways(deps, config.gateways)
  return {
    checks: [
      found.well('settings.form'),
      ...machine.checks,
      ...(judged?.checks ?? []),
      ...surroundings,
    ],
    judgement: judged?.judgement,
    attested,
  }
}

async function judgeSelf(
  io: CommandIo,
  deps: DoctorDeps,
  attested: { readonly report: Report; readonly nonce: string },
  options: DoctorOptions,
): Promise<{
  readonly checks: readonly ShownCheck[]
  readonly judgement: Judgement | undefined
}> {
  const now = toSeconds(deps.clock())
  const { report, nonce } = attested
  const exhibit = reportExhibit({ report, nonce: { value: nonce, own: true } }, now)
  const call = { io, deps, options: verifyOptions(options) }
  try {
    const judgement = await judgeExhibit(call, exhibit)
    const { collateral } = judgement
    const outlook = await examineOutlook(exhibit.evidence, { collateral, now })
    const chain = options.endpoints.length === 0 ? noChain() : found.well('chain.reached')
    const checks = [collateralCheck(judgement), ...judgement.checks, outlook, chain]
    return { checks, judgement }
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    if (error.code === 'bad_option') throw new UsageError(error.message)
    const problem = {
      code: error.code,
      detail: error.message,
      remedy: 'Check --endpoint and --registry; ask another TON endpoint.',
    }
    return { checks: [found.ill('chain.reached', problem)], judgement: undefined }
  }
}

function noChain(): ShownCheck {
  return found.unknown('chain.reached', 'no --endpoint: the Registry was not read')
}

/** Intel's early data is for the outlook alone, which says itself that it had none. */
function collateralCheck(judgement: Judgement): ShownCheck {
  const missing = judgement.missing.filter(({ name }) => !name.endsWith('/early'))
  if (missing.length === 0) return found.well('collateral.had')
  return found.ill('collateral.had', {
    code: 'not-had',
    detail: missing.map(({ name, code }) => `${name} (${code})`).join(', '),
    remedy:
      'Allow outgoing HTTPS to the vendors; a missing RIM means that this driver or VBIOS is not published: install one that is.',
  })
}

function verifyOptions({ endpoints, registry, simulation }: DoctorOptions): VerifyOptions {
  return {
    target: 'this machine',
    endpoints,
    registry,
    simulation,
    images: [],
    anyImage: endpoints.length === 0,
    noGpu: true,
    early: true,
    anyNonce: false,
    allowSimulated: true,
    dev: false,
    json: false,
    bundle: undefined,
    saveBundle: undefined,
    session: undefined,
    report: undefined,
    request: undefined,
    response: undefined,
    nonce: undefined,
    reportData: undefined,
    gpuNonce: undefined,
  }
}
