import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { implicit, pem, seq } from '#dev/forge/der.ts'
import { certify } from '#dev/forge/nvidia-pki.ts'

export interface TlsProxy {
  readonly origin: string
  /** Its own root, for other processes to trust. */
  readonly certificate: string
  /** Upgrades that passed. */
  readonly upgrades: number
  close(): Promise<void>
}

const ALTERNATIVE_NAME = '2.5.29.17'
const IP_ADDRESS = 7

/** Ends TLS in front of a gateway as a reverse proxy does: requests and upgrades pass, head and tail included. */
export async function startTlsProxy(target: () => string): Promise<TlsProxy> {
  const { cert, key } = await selfSigned()
  setDefaultCACertificates([...getCACertificates(), cert])
  const server = createServer({ cert, key })
  let upgrades = 0
  server.on('request', (request, response) => {
    const { method, headers, url = '/' } = request
    const onward = httpRequest(`${target()}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  server.on('upgrade', (request, near, head) => {
    const { headers, url = '/' } = request
    const onward = httpRequest(`${target()}${url}`, { headers })
    onward.on('error', () => near.destroy())
    onward.on('response', (answer) => {
      near.write(`HTTP/1.1 ${answer.statusCode} Refused\r\nconnection: close\r\n\r\n`)
      answer.pipe(near)
    })
    onward.on('upgrade', (answer, far, farHead) => {
      upgrades++
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`)
      near.write(['HTTP/1.1 101 Switching Protocols', ...lines, '\r\n'].join('\r\n'))
      near.write(farHead)
      far.write(head)
      near.pipe(far).pipe(near)
      for (const [end, other] of [
        [near, far],
        [far, near],
      ] as const) {
        end.on('error', () => other.destroy())
        end.on('close', () => other.destroy())
      }
    })
    onward.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // Sound: a listening TCP server has an address with a port.
  const { port } = server.address() as AddressInfo
  return {
    origin: `https://127.0.0.1:${port}`,
    certificate: cert,
    get upgrades() {
      return upgrades
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A certificate of 127.0.0.1 and its key, PEM. No two have one name: OpenSSL looks a trusted certificate up by its name, and takes one. */
export async function selfSigned(): Promise<{ cert: string; key: string }> {
  const extension = {
    id: ALTERNATIVE_NAME,
    value: seq(implicit(IP_ADDRESS, Uint8Array.of(127, 0, 0, 1))),
  }
  const forged = await certify(
    {
      subject: [['CN', crypto.randomUUID()]],
      ca: false,
      now: Math.floor(Date.now() / 1000) - 60,
      kind: 'ecdsa-p256-sha256',
      extensions: [extension],
    },
    undefined,
    (length) => crypto.getRandomValues(new Uint8Array(length)),
  )
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', forged.signer.privateKey)
  return { cert: pem(forged.der), key: pem(new Uint8Array(pkcs8), 'PRIVATE KEY') }
}
