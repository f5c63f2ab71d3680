import { CodedError } from '#base/coded-error.ts'

const TIMEOUT_MS = 30_000

/**
 * `unreachable`: try again or mend the address; `refused`: the message says why and what to do; `unreadable`: the
 * address is no gateway of ours.
 */
export class GatewayRefused extends CodedError<'unreachable' | 'refused' | 'unreadable'> {
  override readonly name = 'GatewayRefused'
}

/** A gateway's answer, whatever its status. @throws GatewayRefused `unreachable` */
export async function reachGateway(url: URL, init: RequestInit = {}): Promise<Response> {
  // A redirect could carry a key elsewhere.
  const careful = { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) } as const
  try {
    return await fetch(url, { ...careful, ...init })
  } catch (cause) {
    const told = `${url.origin} does not answer: is it the gateway, and up?`
    throw new GatewayRefused('unreachable', told, { cause })
  }
}
