import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { imageHash } from '#attestation'
import {
  CPU_MODEL_NAMES,
  cpuSignature,
  type DirectBoot,
  LaunchError,
  MIN_MEMORY_BYTES,
  parseFirmware,
  sevLaunchDigest,
  tdxMrtd,
  tdxRegisters,
} from '#attestation/launch'
import { type Bytes, hex } from '#base/bytes.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'
import { HOST_INPUTS } from '../measure/host-inputs.ts'
import { parseArguments } from '../parse-arguments.ts'

const GIB = 1024 ** 3
const INPUT_COLUMNS = 52

const USAGE = `cocoon measure: what hardware will report when it launches an image.

  cocoon measure FOLDER [--processors N] [--cpu NAME] [--features N] [--json]
  cocoon measure --inputs [--json]

FOLDER is what enclave-runner/image/build.sh makes: vmlinuz, initrd, cmdline, and firmware-sev-snp.fd or
firmware-tdx.fd or both. Prints the SEV-SNP launch digest or the TDX registers, and the image hash under
which the Registry lists it.

  --processors N   of an SEV-SNP guest: each one is measured (default 8)
  --cpu NAME       its CPU model: ${CPU_MODEL_NAMES.join(', ')} (default EPYC-Genoa)
  --features N     SEV_FEATURES (default 1: SNP)
  --inputs         lists each thing that a host supplies, as measured, checked, ignored or not stopped
  --json           machine-readable

SEV-SNP digests agree with sev-snp-measure. TDX registers follow the specifications and have met no hardware and
no second tool: unverified. They hold for QEMU with q35, ${MIN_MEMORY_BYTES / GIB} GiB or more, and Linux 6.16 or later on the host.

Exit code: 0 computed, 2 wrong usage, or files that cannot be read.`

/** File of a folder that each technology boots with. */
const FIRMWARE = { 'sev-snp': 'firmware-sev-snp.fd', tdx: 'firmware-tdx.fd' } as const

interface Measured {
  readonly technology: 'sev-snp' | 'tdx'
  readonly registers: Readonly<Record<string, string>>
  readonly image_hash: string
}

export const measure: Command = {
  summary: 'compute what an image measures, for the Registry',
  usage: USAGE,
  run: async (io) => {
    const { values, folder } = readArguments(io)
    if (folder === undefined) return printInputs(io, values.json === true)
    try {
      const measured = await measureFolder(folder, readMachine(values))
      print(io, measured, values.json === true)
      return EXIT.ok
    } catch (error) {
      if (!(error instanceof LaunchError)) throw error
      throw new UsageError(error.message)
    }
  },
}

function readArguments(io: CommandIo) {
  const { values, positionals } = parseArguments(io.args, {
    allowPositionals: true,
    options: {
      processors: { type: 'string', default: '8' },
      cpu: { type: 'string', default: 'EPYC-Genoa' },
      features: { type: 'string', default: '1' },
      inputs: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  })
  const [folder] = positionals
  if ((values.inputs === true) !== (folder === undefined) || positionals.length > 1) {
    throw new UsageError('name one FOLDER. See: cocoon measure --help')
  }
  return { values, folder }
}

function readMachine(values: { processors: string; cpu: string; features: string }) {
  return {
    processors: wholeNumber('--processors', values.processors),
    features: wholeNumber('--features', values.features),
    cpu: values.cpu,
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new UsageError(`${name} is a whole number above 0`)
  return Number(text)
}

async function measureFolder(
  folder: string,
  machine: { readonly processors: number; readonly features: number; readonly cpu: string },
): Promise<readonly Measured[]> {
  const boot = readBoot(folder)
  const sev = readOptional(join(folder, FIRMWARE['sev-snp']))
  const tdx = readOptional(join(folder, FIRMWARE.tdx))
  const signature = cpuSignature(machine.cpu)
  const measured = [
    sev && (await measureSev(sev, boot, { ...machine, signature })),
    tdx && (await measureTdx(tdx, boot)),
  ].filter((row) => row !== undefined)
  if (measured.length === 0) {
    throw new UsageError(`${folder} has neither ${FIRMWARE['sev-snp']} nor ${FIRMWARE.tdx}`)
  }
  return measured
}

function readBoot(folder: string): DirectBoot {
  const read = (name: string): Bytes => {
    const bytes = readOptional(join(folder, name))
    if (bytes === undefined) throw new UsageError(`${join(folder, name)} cannot be read`)
    return bytes
  }
  // The line as QEMU takes it: an editor's last line break is no part of it.
  const commandLine = new TextDecoder().decode(read('cmdline')).replace(/\n$/, '')
  if (!/^[\x20-\x7e]*$/.test(commandLine)) throw new UsageError('cmdline is one line of plain text')
  return { kernel: read('vmlinuz'), initrd: read('initrd'), commandLine }
}

function readOptional(path: string): Bytes | undefined {
  try {
    return new Uint8Array(readFileSync(path))
  } catch {
    return undefined
  }
}

async function measureSev(
  firmware: Bytes,
  boot: DirectBoot,
  machine: { readonly processors: number; readonly features: number; readonly signature: number },
): Promise<Measured> {
  const { processors, features, signature } = machine
  const parsed = parseFirmware(firmware)
  const measurement = await sevLaunchDigest({
    firmware: parsed,
    boot,
    processors,
    features,
    signature,
  })
  return {
    technology: 'sev-snp',
    registers: { measurement: hex(measurement) },
    image_hash: await imageHash({ technology: 'sev-snp', measurement }),
  }
}

async function measureTdx(firmware: Bytes, boot: DirectBoot): Promise<Measured> {
  const mrtd = await tdxMrtd(parseFirmware(firmware))
  const { rtmr1, rtmr2 } = await tdxRegisters(boot)
  return {
    technology: 'tdx',
    registers: { mrtd: hex(mrtd), rtmr1: hex(rtmr1), rtmr2: hex(rtmr2) },
    image_hash: await imageHash({ technology: 'tdx', mrtd, rtmr1, rtmr2 }),
  }
}

function print(io: CommandIo, measured: readonly Measured[], asJson: boolean): void {
  if (asJson) {
    io.out(JSON.stringify(measured, undefined, 2))
    return
  }
  for (const { technology, registers, image_hash } of measured) {
    io.out(`${technology}${technology === 'tdx' ? '  (unverified: see --help)' : ''}`)
    for (const [name, value] of Object.entries(registers)) io.out(`  ${name.padEnd(12)} ${value}`)
    io.out(`  ${'image hash'.padEnd(12)} ${image_hash}`)
  }
}

function printInputs(io: CommandIo, asJson: boolean): number {
  if (asJson) {
    io.out(JSON.stringify(HOST_INPUTS, undefined, 2))
    return EXIT.ok
  }
  io.out(`${'what the host supplies'.padEnd(INPUT_COLUMNS)} ${'SEV-SNP'.padEnd(12)} TDX`)
  for (const { input, sevSnp, tdx, how } of HOST_INPUTS) {
    io.out(`${input.padEnd(INPUT_COLUMNS)} ${sevSnp.padEnd(12)} ${tdx}`)
    io.out(`    ${how}`)
  }
  return EXIT.ok
}
