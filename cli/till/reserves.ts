import { webSha256 } from '#contracts'
import {
  ProtocolError,
  parseReservesProof,
  type ReservesProof,
  verifyReservesProof,
} from '#protocol'
import { filled } from '../chain/target.ts'
import { EXIT, UsageError } from '../command.ts'
import { reachGateway } from '../reach-gateway.ts'
import { readJson } from '../read-json.ts'
import type { TillContext } from './context.ts'
import { tons } from './status.ts'

/** From the account's proof to the root that everybody is shown: a snapshot may be made anew in between. */
const LOOKS = 5

/**
 * An owner's own look at a gateway's reserves: its balance is in the sum that everybody is shown, and the Till, read here, holds it.
 */
export async function checkReserves(
  { io, till, provider, address }: TillContext,
  flags: { readonly gateway?: string | undefined },
): Promise<number> {
  const { gateway = '' } = flags
  const apiKey = filled(io.env['COCOON_API_KEY'])
  if (!URL.canParse(gateway)) throw new UsageError('--gateway URL is missing')
  if (apiKey === undefined) throw new UsageError('COCOON_API_KEY, a key of the account, is missing')
  const proof = await matchingProof(gateway, apiKey)
  if (proof === undefined) {
    io.err('BROKEN     the account is proven under another root than everybody is shown')
    return EXIT.failed
  }
  if (!(await verifyReservesProof(proof, webSha256))) {
    io.err('BROKEN     the path does not lead from the balance to the root')
    return EXIT.failed
  }
  const { owed } = await till.getTotals(provider)
  io.out(`account    ${proof.account} with ${tons(proof.balance)}`)
  io.out(`all        ${tons(proof.sum)} under root ${proof.root}`)
  io.out(`Till       ${tons(owed)} owed to accounts, at ${address}`)
  if (proof.sum > owed) {
    io.err('BROKEN     the gateway owes more than the Till holds for accounts')
    return EXIT.failed
  }
  io.out('the balance is part of the sum, and the Till holds it')
  return EXIT.ok
}

/** The caller's proof, once its root and sum are those that the gateway shows to everybody. */
async function matchingProof(gateway: string, apiKey: string): Promise<ReservesProof | undefined> {
  for (let look = 0; look < LOOKS; look++) {
    const headers = { authorization: `Bearer ${apiKey}` }
    const proof = readProof(await answerOf(new URL('/v1/account/reserves', gateway), headers))
    // Without the key: what is shown to everybody, not to this caller.
    const shown = await answerOf(new URL('/v1/till', gateway), {})
    // Sound: members of unknown JSON, compared as text only.
    const { root, sum } = (shown['reserves'] ?? {}) as Readonly<Record<string, unknown>>
    if (root === proof.root && sum === proof.sum.toString()) return proof
  }
  return undefined
}

function readProof(answer: unknown): ReservesProof {
  try {
    return parseReservesProof(answer, 'proof')
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new UsageError(`the gateway’s proof is malformed: ${cause.message}`, { cause })
  }
}

async function answerOf(url: URL, headers: Readonly<Record<string, string>>) {
  const response = await reachGateway(url, { headers })
  if (!response.ok) throw new UsageError(`${url.pathname} answered ${response.status}`)
  // Sound: members of unknown JSON, each checked where it is used.
  return (await readJson(response)) as Readonly<Record<string, unknown>>
}
