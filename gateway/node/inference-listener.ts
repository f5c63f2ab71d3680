import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccountId } from '../db/ids.ts'
import { clientAddress } from '../http/client-address.ts'
import type { IpNetworks } from '../http/ip-networks.ts'
import { createServeExchange, type ExchangeDeps } from '../inference/serve-exchange.ts'
import type { BodyBudget } from '../limits/body-budget.ts'
import { NodeClient } from './node-client.ts'
import { readBody } from './read-body.ts'

/**
 * @param own the runner whose own origin the request came to
 * @returns false when the request is none of its business
 */
export type Listener = (
  request: IncomingMessage,
  response: ServerResponse,
  own: string | undefined,
) => boolean

/**
 * How long an unread body is swallowed after a refusal. A connection closed while bytes of the client are unread is
 * reset, and the refusal lost with it (RFC 9112 section 9.6): a proxy in front then answers 502 in its stead.
 */
const SWALLOW_MS = 10_000

/** The hot path, straight from `node:http`. */
export function createInferenceListener(
  deps: ExchangeDeps & { readonly bodies: BodyBudget; readonly trustedProxies: IpNetworks },
): Listener {
  const serve = createServeExchange(deps)
  return (request, response, own) => {
    const url = request.url ?? '/'
    const mark = url.indexOf('?')
    const room = deps.bodies.open()
    const arrival = {
      method: request.method ?? 'GET',
      path: mark === -1 ? url : url.slice(0, mark),
      query: () => new URLSearchParams(mark === -1 ? '' : url.slice(mark)),
      header: (name: string) => request.headers[name],
      client: new NodeClient(response),
      from: () => addressOf(request, deps.trustedProxies),
      readBody: (maxBytes: number, account: AccountId) =>
        readBody(request, maxBytes, (bytes) => room.take({ account }, bytes)),
    }
    const served = serve(arrival, own)
    if (served === undefined) return false
    void served.then(() => {
      room.giveBack()
      swallow(request)
    })
    return true
  }
}

function addressOf({ socket, headers }: IncomingMessage, trusted: IpNetworks): string {
  const forwarded = headers['x-forwarded-for']
  return clientAddress(socket.remoteAddress, String(forwarded ?? ''), trusted)
}

/** Takes what is left of a body that nobody read. */
function swallow(request: IncomingMessage): void {
  if (request.complete) return
  request.resume()
  const timer = setTimeout(() => request.destroy(), SWALLOW_MS)
  timer.unref()
  request.on('close', () => clearTimeout(timer))
}
