import { verifyVoucher } from '#contracts/pure'
import { processDeps, SETTINGS, startRunner, stopCoreDumps } from '#enclave-runner/main.ts'
import { type Command, EXIT } from '../command.ts'
import { describeSettings } from '../describe-settings.ts'
import { openDevices } from '../devices.ts'
import { parseArguments } from '../parse-arguments.ts'
import { RUNNER_FLAGS, readRunnerSettings } from '../runner-settings.ts'
import { runnerStatus } from '../runner-status.ts'
import { untilStopped } from '../until-stopped.ts'

const USAGE = `cocoon runner: serves a model from inside a confidential VM and earns.

  cocoon runner --model ID --wallet ADDRESS --gateways URL[,URL] [--image-settings FILE]
  cocoon runner status [--wallet ADDRESS --gateways URL[,URL]] [--outbox FILE]   earnings, vouchers, refusals;
                                                                    default: the host of the world of npm start

The machine must offer /sys/kernel/config/tsm (SEV-SNP or TDX guest, Linux 6.7 or later); GPUs answer by NVIDIA's
nvattest and nvidia-smi in /usr/bin. \`cocoon doctor\` with the same flags says what is missing.

Settings come from flags and from the measured image's file (KEY=value lines); the host's environment may set only
wallet, gateways and network. As flags they are in lower case with hyphens: ${exampleFlags()}.

${describeSettings(SETTINGS)}

Exit code of status: 0 every gateway answered, 1 one did not, 2 wrong usage.`

function exampleFlags(): string {
  return [SETTINGS.MODEL, SETTINGS.WEIGHTS_DIGEST, SETTINGS.ENGINE_URL]
    .map(({ flag }) => `--${flag}`)
    .join(', ')
}

export const runner: Command = {
  summary: 'run the enclave runner on confidential hardware',
  usage: USAGE,
  run: async (io) => {
    const [verb, ...args] = io.args
    if (verb === 'status') return runnerStatus({ ...io, args })
    const { values } = parseArguments(io.args, { options: RUNNER_FLAGS })
    const config = readRunnerSettings(io, values)
    const deps = processDeps()
    deps.log('info', 'memory', { ...stopCoreDumps(config.production) })
    const quoter = await openDevices(deps.random)
    const running = await startRunner(config, { ...deps, quoter, verifyVoucher })
    io.out(
      running.origin === undefined ? 'runner: dials its gateways' : `runner: ${running.origin}`,
    )
    await untilStopped(io.stopped)
    await running.close()
    return EXIT.ok
  },
}
