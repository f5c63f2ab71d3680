import { resolve } from 'node:path'
import { toSeconds } from '#base/brand.ts'
import { ClientError } from '#client'
import { DocumentError } from '#client/documents'
import { type Command, type CommandIo, EXIT } from '../command.ts'
import { systemClock } from '../system-clock.ts'
import type { VerifyDeps } from '../verify/ask.ts'
import { withDevWorld } from '../verify/dev-world.ts'
import { type Judgement, judgeExhibit } from '../verify/judge.ts'
import { load } from '../verify/load.ts'
import { readOptions, type VerifyOptions } from '../verify/options.ts'
import { printForMachines, printForPeople } from '../verify/print.ts'
import { printable } from '../verify/printable.ts'
import { runVectorFolder } from '../verify/run-vector-folder.ts'
import { saveBundle } from '../verify/save-bundle.ts'
import { SourceError } from '../verify/sources.ts'

const USAGE = `cocoon verify: judge evidence of confidential hardware yourself.

  cocoon verify FILE|URL [options]
  cocoon verify --vectors DIR      run a folder of test vectors (schema attestation-vectors/2)

What FILE or URL may be:
  evidence {tee, gpu?}             a file
  an ACI attestation report        a file, or the URL of a runner or any ACI service: it is asked over a fresh nonce
  an attested session              a file, or GATEWAY/v1/aci/sessions/ID: its runner is asked again over a fresh nonce
  a receipt                        a file with --session, or GATEWAY/v1/aci/receipts/ID (needs COCOON_API_KEY)
  a gateway's own receipt          a file with --report, or GATEWAY/v1/aci/receipts/ID?by=gateway (needs COCOON_API_KEY):
                                   its keys by fresh evidence, the session that it cites, and the runner's receipt beside it
  what --save-bundle wrote

What may run there (choose one, otherwise the verdict is refused):
  --endpoint URL      TON endpoint to read the Registry from; repeat it with others: they must agree
  --registry ADDRESS  raw address of the Registry; default: the one that this release pins
  --image HASH        this image hash (repeatable)
  --any-image         any image: the verdict then speaks of the hardware only

Options:
  --nonce HEX         the nonce that the report answers (file), or to ask with (URL; default: random)
  --report-data HEX   for bare evidence: the 64 bytes that it must hold
  --gpu-nonce HEX     for bare evidence: the nonce of its GPUs
  --any-nonce         for bare evidence: accept any report data and GPU nonce
  --no-gpu            accept evidence without a GPU (a service that runs no model)
  --session FILE|URL  for a receipt: the session of the runner that wrote it
  --report FILE|URL   for a gateway's own receipt: the report of its keys
  --request FILE      for a gateway's own receipt: the body exactly as it was sent
  --response FILE     for a gateway's own receipt: the answer exactly as it came
  --bundle FILE       verify offline: collateral from this file only, nothing touches the network
  --save-bundle FILE  keep document, nonce and collateral: cocoon verify FILE --bundle FILE repeats it offline
  --simulation FILE   roots of a development world: the best verdict is then "simulated"
  --dev               the world that npm start runs in this folder: its roots, endpoint and Registry
  --allow-simulated   exit with 0 for a simulated verdict
  --json              one JSON object instead of text

Collateral of AMD, Intel and NVIDIA is kept in COCOON_CACHE (default: cocoon in the user's cache folder).

Exit code: 0 verified, 1 refused (or the evidence could not be had), 2 wrong usage or unreadable file, 3 simulated.`

/** @param deps the outside world, for tests */
export function verifyCommand(deps: VerifyDeps): Command {
  return {
    summary: 'judge evidence, sessions, receipts and test vectors',
    usage: USAGE,
    run: (io) => run(io, deps),
  }
}

export const verify: Command = verifyCommand({
  fetch: (input, init) => fetch(input, init),
  clock: systemClock,
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
})

async function run(io: CommandIo, deps: VerifyDeps): Promise<number> {
  const args = readOptions(io.args)
  if (args.kind === 'vectors') return runVectorFolder(io, resolve(io.cwd, args.folder))
  try {
    return await verifyOne(io, deps, args.options)
  } catch (cause) {
    if (cause instanceof DocumentError) {
      io.err(`cocoon verify: ${cause.code}: ${printable(cause.message)}`)
      return cause.code === 'unknown' ? EXIT.usage : EXIT.failed
    }
    if (!(cause instanceof SourceError || cause instanceof ClientError)) throw cause
    io.err(`cocoon verify: ${cause.code}: ${printable(cause.message)}`)
    return cause.code === 'bad_option' ? EXIT.usage : EXIT.failed
  }
}

/** 1. read the document  2. judge it  3. save, print  4. the exit code */
async function verifyOne(io: CommandIo, deps: VerifyDeps, given: VerifyOptions): Promise<number> {
  const options = await withDevWorld(io, given)
  const call = { io, deps, options }
  const loaded = await load(call)
  const noGpu = options.noGpu || !loaded.runsModel
  const judgement = await judgeExhibit({ ...call, options: { ...options, noGpu } }, loaded.exhibit)
  if (options.saveBundle !== undefined) {
    const created = toSeconds(deps.clock())
    await saveBundle(io, options.saveBundle, { loaded, judgement, created })
  }
  const print = options.json ? printForMachines : printForPeople
  print(io, loaded, judgement)
  return exitCode(judgement, options)
}

function exitCode({ status }: Judgement, { allowSimulated }: VerifyOptions): number {
  if (status === 'refused') return EXIT.failed
  if (status === 'simulated') return allowSimulated ? EXIT.ok : EXIT.simulated
  return EXIT.ok
}
