import { SETTINGS as RUNNER } from '#enclave-runner/main.ts'
import { SETTINGS as GATEWAY } from '#gateway/node.ts'

interface Described {
  readonly help: string
  readonly fallback: string | undefined
}

const HEAD = `# Settings, by name. Secrets come from the environment or a file of your secret manager, never from arguments.
# A commented line shows a default; an empty one must be set or has a meaning when it is absent.
`

/** The text of .env.example: every setting with its meaning and default. */
export function envExample(): string {
  return [
    HEAD,
    section('cocoon gateway', GATEWAY),
    section(
      'cocoon runner (in production from the measured image; the host sets wallet, gateways and network)',
      RUNNER,
    ),
    section('npm start (development only)', {
      PORT: { help: 'the gateway', fallback: '8787' },
      RUNNER_PORT: { help: 'the simulated runner', fallback: '8790' },
      CHAIN_PORT: { help: 'the local TON chain', fallback: '8791' },
      RUNNER_ORIGIN_PORT: { help: "the runner's own origin on the gateway", fallback: '8792' },
      SECOND_RUNNER_ORIGIN_PORT: { help: "the second runner's own origin", fallback: '8794' },
    }),
  ].join('\n')
}

function section(title: string, settings: Readonly<Record<string, Described>>): string {
  const lines = Object.entries(settings).map(
    ([name, { help, fallback = '' }]) => `# ${help}\n#${name}=${fallback}\n`,
  )
  return `# ${'-'.repeat(10)} ${title}\n\n${lines.join('\n')}`
}
