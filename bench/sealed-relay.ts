/**
 * The gateway's relay of sealed bodies without keys, holds and allowances, which cost per request and not per byte.
 *
 * usage: node bench/sealed-relay.ts <port> <upstream port>
 */

import { openHttpServer } from '#gateway/node/http-server.ts'
import { NodeClient } from '#gateway/node/node-client.ts'
import { createTunnels } from '#gateway/node/tunnel/tunnels.ts'
import { createUpstream } from '#gateway/node/upstream.ts'
import { runSealedAttempt } from '#gateway/relay/sealed-attempt.ts'
import { createWatchdog, TICK_MS } from '#gateway/relay/watchdog.ts'

const [, , port, upstreamPort] = process.argv
const tunnels = createTunnels({
  log: () => {},
  nowMs: () => performance.now(),
  isKnown: () => true,
  onChange: () => {},
})
const upstream = createUpstream({ loopback: true, tunnels })
const watchdog = createWatchdog()
setInterval(() => watchdog.tick(), TICK_MS)
const target = { kind: 'direct', url: `http://127.0.0.1:${upstreamPort}`, pins: [] } as const

await openHttpServer({
  maxConnections: 1_000,
  host: '127.0.0.1',
  port: Number(port),
  handler: (request, response) => {
    request.resume()
    request.on('end', () => {
      const path = request.url ?? '/'
      const asked = { target, method: 'POST', path, headers: {}, body: null } as const
      const client = new NodeClient(response)
      const maxBytes = Number.MAX_SAFE_INTEGER
      const headers = {}
      const told = { timing: () => ({}), onHead: () => {} }
      const attempt = { client, headers, request: asked, maxBytes, ...told }
      void runSealedAttempt({ upstream, watchdog }, attempt)
    })
  },
})
process.stdout.write('ready\n')
