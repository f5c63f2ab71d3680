/**
 * The yardstick: the least that a relay can do. node:http in, undici dispatch out, nothing in between:
 * no key, no ledger, no seal.
 *
 * usage: node bench/bare-relay.ts <port> <upstream port>
 */
import http from 'node:http'
import { Pool } from 'undici'

const [, , port, upstreamPort] = process.argv
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, {
  connections: 512,
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
})

const server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const body = parts.length === 1 ? (parts[0] ?? '') : Buffer.concat(parts)
    pool.dispatch(
      {
        method: 'POST',
        path: request.url ?? '/',
        headers: { 'content-type': 'application/json' },
        body,
      },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, status, headers) => {
          const kept = ['content-type', 'content-length'].flatMap((name) => {
            const value = headers[name]
            return value === undefined ? [] : [[name, value] as const]
          })
          response.writeHead(status, Object.fromEntries(kept))
        },
        onResponseData: (controller, chunk) => {
          if (!response.write(chunk)) {
            controller.pause()
            response.once('drain', () => controller.resume())
          }
        },
        onResponseEnd: () => response.end(),
        onResponseError: () => response.destroy(),
      },
    )
  })
})
server.listen(Number(port), '127.0.0.1', 4096, () => process.stdout.write('ready\n'))
