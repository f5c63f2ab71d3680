import { modelHash, platformHash } from '#attestation'
import { toSeconds } from '#base/brand.ts'
import { reportExhibit } from '#client/documents'
import { parseSubject } from '#protocol'
import { type CommandIo, EXIT, UsageError } from '../command.ts'
import { type Diagnosis, type DoctorDeps, examine } from '../doctor/examine.ts'
import { RUNNER_FLAGS, readRunnerSettings } from '../runner-settings.ts'
import { printCheck } from '../verify/print.ts'
import { printable } from '../verify/printable.ts'
import { saveBundle } from '../verify/save-bundle.ts'

const TEXT = { type: 'string' } as const

export const REQUEST_OPTIONS = { ...RUNNER_FLAGS, out: TEXT, simulation: TEXT }

type RequestFlags = Readonly<Record<string, string | boolean | undefined>>

/**
 * A host's request to be listed: its evidence with all collateral in one file, which `cocoon verify` reads, and the
 * Registry entries that would admit it. Nothing in it is secret, and nothing in it has to be believed.
 */
export function requestAdmission(deps: DoctorDeps) {
  return async (io: CommandIo, flags: RequestFlags): Promise<number> => {
    const { out, simulation } = flags
    if (typeof out !== 'string') throw new UsageError('--out FILE is missing')
    const config = readRunnerSettings(io, flags)
    const diagnosis = await examine(io, deps, config, {
      endpoints: [],
      registry: undefined,
      simulation: typeof simulation === 'string' ? simulation : undefined,
    })
    const failed = diagnosis.checks.filter(({ status }) => status === 'fail')
    if (failed.length > 0) {
      for (const check of failed) printCheck(io, check)
      io.err('nothing was written: mend these first; cocoon doctor shows all examinations')
      return EXIT.failed
    }
    await write(io, deps, diagnosis, out)
    return EXIT.ok
  }
}

async function write(
  io: CommandIo,
  deps: DoctorDeps,
  { judgement, attested }: Diagnosis,
  file: string,
): Promise<void> {
  if (judgement?.attested === undefined || attested === undefined) {
    throw new UsageError('the evidence could not be judged: see cocoon doctor')
  }
  const { report, nonce } = attested
  const created = toSeconds(deps.clock())
  const exhibit = reportExhibit({ report, nonce: { value: nonce, own: true } }, created)
  const saved = { document: report, nonce }
  const about = 'admission request'
  const loaded = { exhibit, about, receipt: undefined, runsModel: true, saved }
  await saveBundle(io, file, { loaded, judgement, created })
  const { model, weights } = parseSubject(report.attestation.workload_keyset.subject)
  const { imageHash, hardware } = judgement.attested
  io.out(printable(`wrote ${file}: give it to the Registry's owner, who looks at it offline:`))
  io.out(printable(`  cocoon verify ${file} --bundle ${file} --image ${imageHash}`))
  io.out('and lists what is not listed yet:')
  io.out(`  cocoon registry add image ${imageHash}`)
  io.out(`  cocoon registry add model ${await modelHash(model, weights)}`)
  for (const id of hardware) {
    io.out(printable(`  cocoon registry add platform ${await platformHash(id)}   # ${id}`))
  }
}
