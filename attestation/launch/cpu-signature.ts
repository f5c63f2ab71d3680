import { LaunchError } from './launch-error.ts'

/** QEMU's CPU models that SEV-SNP guests run as: family, model, stepping. @see QEMU target/i386/cpu.c */
const CPU_MODELS: Readonly<Record<string, readonly [family: number, model: number, step: number]>> =
  {
    'EPYC-Milan': [25, 1, 1],
    'EPYC-Genoa': [25, 17, 0],
    'EPYC-Turin': [26, 0, 0],
  }

export const CPU_MODEL_NAMES: readonly string[] = Object.keys(CPU_MODELS)

/**
 * CPUID Fn0000_0001 EAX of a CPU model.
 * @throws LaunchError `bad_machine`
 * @see AMD publication 25481 (CPUID specification)
 */
export function cpuSignature(name: string): number {
  const found = Object.hasOwn(CPU_MODELS, name) ? CPU_MODELS[name] : undefined
  if (found === undefined) {
    throw new LaunchError('bad_machine', `CPU models: ${CPU_MODEL_NAMES.join(', ')}`)
  }
  const [family, model, step] = found
  // Families above 15 are split into a base of 15 and an extension.
  return ((family - 15) << 20) | ((model >> 4) << 16) | (15 << 8) | ((model & 15) << 4) | step
}
