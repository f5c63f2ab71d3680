import { closeInspector } from './close-inspector.ts'
import { type Command, type CommandIo, EXIT, UsageError } from './command.ts'
import { systemClock } from './system-clock.ts'

/** Every command, loaded only when it is called: `--help` must not open a database. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
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

async function help(out: (line: string) => void): Promise<void> {
  out('cocoon <command> [options]\n\nCommands:')
  for (const [name, load] of Object.entries(COMMANDS)) {
    out(`  ${name.padEnd(11)} ${(await load()).summary}`)
  }
  out('\nEach command explains itself: cocoon <command> --help')
}

async function main(argv: readonly string[], io: Omit<CommandIo, 'args'>): Promise<number> {
  const [name, ...args] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    await help(io.out)
    return name === undefined ? EXIT.usage : EXIT.ok
  }
  // hasOwn, so that `cocoon constructor` finds nothing.
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (load === undefined) {
    io.err(`cocoon: no command '${name}'. See: cocoon --help`)
    return EXIT.usage
  }
  const command = await load()
  if (args.includes('--help') || args.includes('-h')) {
    io.out(command.usage)
    return EXIT.ok
  }
  try {
    return await command.run({ ...io, args })
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    io.err(`cocoon ${name}: ${error.message}`)
    return EXIT.usage
  }
}

// `cocoon … | head` closes the pipe early: that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

closeInspector(process.env)
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

process.exitCode = await main(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  clock: systemClock,
  stopped: stop.signal,
})
