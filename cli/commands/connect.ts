import { base64url } from '#base/bytes.ts'
import { ClientError, connect as connectTo, type Verification } from '#client'
import { requireLoopback, startProxy } from '#client/proxy'
import { nodeProvider } from '#protocol/node'
import { type Command, type CommandIo, EXIT } from '../command.ts'
import { untilStopped } from '../until-stopped.ts'
import { parseFlags, readSettings } from './connect-settings.ts'

const USAGE = `cocoon connect: a local OpenAI-compatible address that seals every prompt to hardware it verified itself.

  cocoon connect --gateway https://gateway.example/v1 --ton-endpoint URL --ton-endpoint URL
  cocoon connect --dev                      the world that npm start runs on this machine

Point any OpenAI client at http://127.0.0.1:8788/v1. What cannot be sealed is refused, never sent in the clear.

  --gateway URL            base URL of the gateway, ends in /v1
  --ton-endpoint URL       toncenter-compatible JSON-RPC; twice, of different operators: they must agree
  --registry ADDRESS       raw address of the Registry; default: the one pinned by this release
  --port N                 default 8788
  --listen ADDRESS         default 127.0.0.1; any other address opens the proxy to other machines
  --host-name NAME         a further name under which clients reach it (repeatable)
  --origin ORIGIN          a web page that may call it, for example http://localhost:3000 (repeatable)
  --pace MS                streams at a fixed rate, one frame each 50 to 1000 ms: hides how tokens come
  --collateral-days N      how long ago vendors may have signed what only the gateway hands over; default 14
  --max-cost TON           most that one request may cost; default 1
  --account FILE           a sovereign account of cocoon keys new: the proxy signs cheques over verified receipts;
                           what was signed stands in FILE.cheques
  --till ADDRESS           the Till that cheques and top-up links are for, raw
  --fee-bps N              the operator's share that you agree to, in basis points (GET /v1/till shows it)
  --simulation FILE        roots of a development world: its evidence proves nothing
  --trust-gateway-allowlist   take the gateway's word for what is trusted (development)
  --dev [FILE]             read all of this from .cocoon/dev.json and accept its simulated evidence

COCOON_API_KEY: the proxy keeps the key and prints a token for its clients. Without it, clients bring their own key.`

const TOKEN_BYTES = 24

export const connect: Command = {
  summary: 'a local address that seals prompts to verified hardware',
  usage: USAGE,
  run: runConnect,
}

/** 1. settings  2. verify  3. listen, until the user stops it */
async function runConnect(io: CommandIo): Promise<number> {
  const flags = parseFlags(io.args)
  const settings = await readSettings(io, flags)
  try {
    requireLoopback(flags.listen, flags.listenGiven)
    const connection = await connectTo({ ...settings, provider: nodeProvider })
    const token = settings.apiKey === undefined ? undefined : newToken()
    const proxy = await startProxy(connection, {
      host: flags.listen,
      port: flags.port,
      origins: flags.origins,
      hostNames: flags.hostNames,
      token,
    })
    tell(io, { origin: proxy.origin, token, verification: connection.verification })
    await untilStopped(io.stopped)
    connection.close()
    await proxy.close()
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    io.err(`cocoon connect: ${error.code}: ${error.message}`)
    return EXIT.failed
  }
}

function newToken(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)))
}

function tell(
  io: CommandIo,
  ready: {
    readonly origin: string
    readonly token: string | undefined
    readonly verification: Verification
  },
): void {
  const { origin, token, verification } = ready
  const { status, runners, allowlist, warnings } = verification
  const models = [...new Set(runners.map(({ model }) => model))].join(', ')
  io.out(`base URL   ${origin}/v1`)
  io.out(`API key    ${token ?? 'your own (the proxy keeps none)'}`)
  io.out(`status     ${origin}/`)
  io.out(`evidence   ${status}: ${runners.length} runner(s), models ${models}`)
  io.out(`allowlist  ${allowlist.source}, version ${allowlist.version}`)
  for (const warning of warnings) io.out(`warning    ${warning}`)
}
