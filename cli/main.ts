import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { closeInspector } from './close-inspector.ts'
import { type CommandIo, EXIT, UsageError } from './command.ts'
import { COMMANDS } from './commands.ts'
import { packageRoot } from './package-root.ts'
import { systemClock } from './system-clock.ts'

async function help(out: (line: string) => void): Promise<void> {
  out('cocoon <command> [options]\n\nCommands:')
  for (const [name, load] of Object.entries(COMMANDS)) {
    out(`  ${name.padEnd(12)} ${(await load()).summary}`)
  }
  out(
    '\nEach command explains itself: cocoon <command> --help. cocoon --version tells the release.',
  )
}

function readVersion(): string {
  const file = join(packageRoot(), 'package.json')
  // Sound: our own package's, which npm does not take without a version.
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
}

async function main(argv: readonly string[], io: Omit<CommandIo, 'args'>): Promise<number> {
  // `cocoon help verify` is `cocoon verify --help`.
  const [name, ...args] = argv[0] === 'help' && argv[1] !== undefined ? [argv[1], '--help'] : argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    await help(io.out)
    return name === undefined ? EXIT.usage : EXIT.ok
  }
  if (name === '--version') {
    io.out(readVersion())
    return EXIT.ok
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
