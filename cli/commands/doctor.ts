import { type Command, type CommandIo, EXIT } from '../command.ts'
import { type Diagnosis, type DoctorDeps, examine } from '../doctor/examine.ts'
import { thisMachine } from '../doctor/this-machine.ts'
import { parseArguments } from '../parse-arguments.ts'
import { RUNNER_FLAGS, readRunnerSettings } from '../runner-settings.ts'
import { printCheck } from '../verify/print.ts'
import { printable } from '../verify/printable.ts'

const USAGE = `cocoon doctor: what stands between this machine and its first paid request.

  cocoon doctor --model ID --wallet ADDRESS --gateways URL [settings of cocoon runner]
                [--endpoint URL]... [--registry ADDRESS] [--json]

Examines the engine, the TEE device and the GPUs, makes the report with which the runner would register, and judges
it as a gateway does: the vendors' certificates and lists, the TCB now and under Intel's early data, the GPU's
manifests, and with --endpoint the Registry's list of images, models and machines. Then clock, gateways and chain.
Each failure is printed with what to do about it.

  --endpoint URL      TON endpoint to read the Registry from; repeat it with others: they must agree
  --registry ADDRESS  raw address of the Registry; default: the one that this release pins
  --simulation FILE   roots of a development world: the best verdict is then "simulated"
  --json              one JSON object instead of text

All flags and settings of cocoon runner are taken: see cocoon runner --help.

Exit code: 0 nothing failed, 1 something failed, 2 wrong settings.`

/** @param deps the outside world, for tests */
export function doctorCommand(deps: DoctorDeps): Command {
  return {
    summary: 'examine a machine before it earns, and say what to do',
    usage: USAGE,
    run: async (io) => {
      const { values } = parsed(io)
      const config = readRunnerSettings(io, values)
      const diagnosis = await examine(io, deps, config, {
        endpoints: values.endpoint ?? [],
        registry: values.registry,
        simulation: values.simulation,
      })
      print(io, diagnosis, values.json === true)
      return hasFailed(diagnosis) ? EXIT.failed : EXIT.ok
    },
  }
}

export const doctor: Command = doctorCommand(thisMachine)

function parsed({ args }: CommandIo) {
  return parseArguments(args, {
    options: {
      ...RUNNER_FLAGS,
      endpoint: { type: 'string', multiple: true },
      registry: { type: 'string' },
      simulation: { type: 'string' },
      json: { type: 'boolean' },
    },
  })
}

function hasFailed({ checks }: Diagnosis): boolean {
  return checks.some(({ status }) => status === 'fail')
}

function print(io: CommandIo, { checks, judgement }: Diagnosis, asJson: boolean): void {
  const count = (wanted: string): number => checks.filter(({ status }) => status === wanted).length
  if (asJson) {
    io.out(JSON.stringify({ verdict: judgement?.status ?? null, checks }))
    return
  }
  for (const check of checks) printCheck(io, check)
  if (judgement?.attested !== undefined) {
    io.out(printable(`image      ${judgement.attested.imageHash}`))
    for (const id of judgement.attested.hardware) io.out(printable(`hardware   ${id}`))
  }
  const word = judgement === undefined ? 'nothing could be judged' : judgement.status
  io.out(`${word}: ${count('pass')} passed, ${count('fail')} failed, ${count('skip')} not examined`)
}
