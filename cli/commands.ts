import type { Command } from './command.ts'

/** Every command, loaded only when it is called: `--help` must not open a database. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  dev: async () => (await import('./commands/dev.ts')).dev,
  gateway: async () => (await import('./commands/gateway.ts')).gateway,
  'key-service': async () => (await import('./commands/key-service.ts')).keyService,
  runner: async () => (await import('./commands/runner.ts')).runner,
  connect: async () => (await import('./commands/connect.ts')).connect,
  verify: async () => (await import('./commands/verify.ts')).verify,
  page: async () => (await import('./commands/page.ts')).page,
  keys: async () => (await import('./commands/keys.ts')).keys,
  audit: async () => (await import('./commands/audit.ts')).audit,
  export: async () => (await import('./commands/export.ts')).exportCommand,
  import: async () => (await import('./commands/import.ts')).importCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  measure: async () => (await import('./commands/measure.ts')).measure,
  weights: async () => (await import('./commands/weights.ts')).weights,
  till: async () => (await import('./commands/till.ts')).till,
  registry: async () => (await import('./commands/registry.ts')).registry,
  wallet: async () => (await import('./commands/wallet.ts')).wallet,
}
