/**
 * A runner's answer as the network carries it: frames of 64 KiB that were sealed before, as many as the path says.
 *
 * usage: node bench/sealed-upstream.ts <port>
 */
import { randomBytes } from 'node:crypto'
import http from 'node:http'
import { nodeProvider } from '#protocol/node'

const FRAME_BYTES = 65_536
const keys = { key: new Uint8Array(randomBytes(32)), nonce: new Uint8Array(12), end: true }
const sealer = nodeProvider.bodies.sealer(keys)
const frame = sealer.seal(new Uint8Array(FRAME_BYTES))

const server = http.createServer((request, response) => {
  request.resume()
  let left = Number(request.url?.slice(1))
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'ehbp-response-nonce': randomBytes(32).toString('hex'),
  })
  const send = (): void => {
    while (left-- > 0) {
      if (response.write(frame)) continue
      response.once('drain', send)
      return
    }
    response.end()
  }
  send()
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'))
