import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { mnemonicNew } from '@ton/crypto'
import { toSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { formatTon } from '#base/nano.ts'
import { friendlyAddress } from '#contracts'
import { NETWORK_ID, openWallet, type SendFlags } from '../chain/perform.ts'
import { readSecret } from '../chain/secret.ts'
import { signTonProof } from '../chain/sign-ton-proof.ts'
import {
  networkFor,
  openTarget,
  TARGET_HELP,
  TARGET_OPTIONS,
  type TargetFlags,
} from '../chain/target.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'
import { reachGateway } from '../reach-gateway.ts'
import { readJson } from '../read-json.ts'
import { runVerb, verb } from '../verbs.ts'

const USAGE = `cocoon wallet: a wallet (W5) that pays for messages to Till and Registry. Keep little in it.

  new --out FILE          makes 24 words, in a file that only you may read; nothing is sent anywhere
  show [--wallet FILE]    its address on this network, and what it holds
  prove --gateway URL [--wallet FILE]
                          shows a gateway that you control the wallet, so that it pays hosts' earnings to it; once
  key [--wallet FILE]     the public key of a file or of WALLET_SECRET (also for meter keys)

${TARGET_HELP}

The same words have another address on testnet than on mainnet. Use no wallet for both, and never the meter key's file.

Exit code: 0 done, 1 the endpoint refused or did not answer, 2 wrong usage, or refused by the gateway.`

export const wallet: Command = {
  summary: 'make and show a wallet for gas and administration',
  usage: USAGE,
  run: (io) => runVerb(io, VERBS),
}

const WALLET = { wallet: { type: 'string' } } as const

const VERBS = {
  new: verb({ out: { type: 'string' } }, makeWallet),
  show: verb({ ...TARGET_OPTIONS, ...WALLET }, showWallet),
  prove: verb({ ...TARGET_OPTIONS, ...WALLET, gateway: { type: 'string' } }, proveWallet),
  key: verb(WALLET, showKey),
}

async function makeWallet(
  io: CommandIo,
  { out }: { readonly out?: string | undefined },
): Promise<number> {
  if (out === undefined) throw new UsageError('--out FILE is missing')
  const words = await mnemonicNew(24)
  try {
    // wx: never overwrite a file that may hold the only copy.
    await writeFile(resolve(io.cwd, out), `${words.join(' ')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    throw new UsageError(`cannot write ${out}: is it there already?`, { cause })
  }
  io.out(`wrote 24 words to ${out}: write them down, whoever has them has the wallet`)
  io.out(`next: cocoon wallet show --wallet ${out}`)
  return EXIT.ok
}

async function showWallet(io: CommandIo, flags: TargetFlags & SendFlags): Promise<number> {
  const target = await openTarget(io, flags)
  const opened = await openWallet(io, target, flags)
  io.out(
    `address     ${friendlyAddress(opened.address, { bounceable: false })} (${opened.address})`,
  )
  io.out(`network     ${target.isLocal ? 'local' : target.network}`)
  io.out(`balance     ${formatTon(await opened.balance())} TON`)
  return EXIT.ok
}

async function showKey(
  io: CommandIo,
  flags: { readonly wallet?: string | undefined },
): Promise<number> {
  const source = { file: flags.wallet, variable: 'WALLET_SECRET', flag: '--wallet' }
  io.out(hex((await readSecret(io, source)).publicKey))
  return EXIT.ok
}

async function proveWallet(
  io: CommandIo,
  flags: TargetFlags & SendFlags & { readonly gateway?: string | undefined },
): Promise<number> {
  const { gateway = '' } = flags
  if (!URL.canParse(gateway)) throw new UsageError('--gateway URL is missing')
  const source = { file: flags.wallet, variable: 'WALLET_SECRET', flag: '--wallet' }
  const pair = await readSecret(io, source)
  const networkId = NETWORK_ID[networkFor(io, flags)]
  const timestamp = toSeconds(io.clock())
  const named = signTonProof(pair, { networkId, domain: '-', payload: '-', timestamp })
  const url = new URL(`/v1/hosts/${named.address}/proof`, gateway)
  const asked = await answerOf(await reachGateway(url))
  const [domain, payload] = [String(asked['domain']), String(asked['payload'])]
  // The domain is what the proof is good for: a gateway that names another's would use it there.
  if (domain !== url.host) throw new UsageError(`the gateway calls itself ${domain}: use that URL`)
  const body = JSON.stringify(signTonProof(pair, { networkId, domain, payload, timestamp }))
  const headers = { 'content-type': 'application/json' }
  await answerOf(await reachGateway(url, { method: 'POST', headers, body }))
  io.out(`proven: ${named.address} at ${domain}`)
  return EXIT.ok
}

async function answerOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  // Sound: members of unknown JSON, used as text only.
  const answer = (await readJson(response)) as Readonly<Record<string, unknown>>
  if (response.ok) return answer
  const { message } = (answer['error'] ?? {}) as { message?: string }
  throw new UsageError(`the gateway answered ${response.status}: ${message ?? 'no explanation'}`)
}
