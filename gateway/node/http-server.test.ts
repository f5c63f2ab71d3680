import { channel } from 'node:diagnostics_channel'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { get as tlsGet } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { ConfigError } from '../config.ts'
import { selfSigned } from '../testing/certificate.ts'
import { readCertificate, renewalJob } from './certificate.ts'
import {
  type Certificate,
  type HttpServer,
  openHttpServer,
  type RequestHandler,
} from './http-server.ts'

let server: HttpServer
afterEach(() => server?.close(0))

const MOST = 100
const TIMES = { keepAliveMs: 200, headersMs: 200, requestMs: 400, checkMs: 50 }
const answer: RequestHandler = (request, response) => {
  request.resume()
  request.on('end', () => response.end('ok'))
}

async function open(handler = answer, certificate?: Certificate): Promise<void> {
  server = await openHttpServer({
    host: '127.0.0.1',
    port: 0,
    handler,
    certificate,
    times: TIMES,
    maxConnections: MOST,
  })
}

/** Writes `parts`, and reads until the server closes. */
function talk(parts: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(server.origin).port), '127.0.0.1')
    let text = ''
    socket.on('data', (part) => {
      text += String(part)
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
    socket.write(parts)
  })
}

describe('a connection that gives its bytes too slowly', () => {
  test.each([
    ['never ends its headers', 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow: '],
    [
      'never ends its body',
      'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc',
    ],
    [
      'never ends its chunks',
      'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab',
    ],
  ])('%s: a time-out in OpenAI’s shape, then the end', async (_, bytes) => {
    await open()
    const text = await talk(bytes)
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    expect(text).toContain('"code":"request_timeout"')
    // Else a page is told by its browser that this is another origin, and nothing more.
    expect(text).toContain('access-control-allow-origin: *')
    channel('cocoon:tests:raw-answer').publish({ request: bytes, answer: text })
  })

  test('says nothing after an answer: closed', async () => {
    await open()
    const text = await talk('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1)
  })
})

test('a connection serves one request after the other', async () => {
  await open()
  const two = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2)
  expect((await talk(two)).match(/HTTP\/1\.1 200/g)).toHaveLength(2)
})

describe('a listener that is told to stop', () => {
  test('finishes what it has, answers others meanwhile, and keeps no connection', async () => {
    const held = Promise.withResolvers<() => void>()
    await open((request, response) => {
      if (request.url === '/slow') {
        response.write('begun ')
        held.resolve(() => response.end('and done'))
      } else response.end('ok')
    })
    const { origin } = server
    const slow = fetch(`${origin}/slow`)
    const finish = await held.promise
    const closed = server.close(60_000)
    const meanwhile = await fetch(`${origin}/health`)
    expect(await meanwhile.text()).toBe('ok')
    expect(meanwhile.headers.get('connection')).toBe('close')
    finish()
    expect(await (await slow).text()).toBe('begun and done')
    await closed
    await expect(fetch(origin)).rejects.toThrow()
  })

  test('cuts what does not end in time', async () => {
    const asked = Promise.withResolvers<void>()
    await open((_request, response) => {
      response.write('begun ')
      asked.resolve()
    })
    const endless = fetch(server.origin)
    await asked.promise
    await server.close(20)
    await expect(endless.then((response) => response.text())).rejects.toThrow()
  })
})

describe('a listener with a certificate of its own', () => {
  function ask(path = '/'): Promise<{ response: IncomingMessage; name: string }> {
    return new Promise((resolve, reject) => {
      const options = { rejectUnauthorized: false, agent: false }
      tlsGet(server.origin + path, options, (response) => {
        // Sound: an answer over https came over a TLS socket.
        const { subject } = (response.socket as TLSSocket).getPeerCertificate()
        resolve({ response, name: String(subject.CN) })
      }).on('error', reject)
    })
  }

  const files = (folder: string) => ({
    cert: join(folder, 'cert.pem'),
    key: join(folder, 'key.pem'),
  })

  test('takes a renewed one without dropping a stream, and not half of one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cocoon-tls-'))
    const paths = files(folder)
    const write = ({ cert, key }: Certificate): void => {
      writeFileSync(paths.cert, cert)
      writeFileSync(paths.key, key)
    }
    const [first, second] = [await selfSigned('first'), await selfSigned('second')]
    write(first)
    const held = Promise.withResolvers<() => void>()
    await open(
      (request, response) => {
        if (request.url === '/slow') {
          response.write('begun ')
          held.resolve(() => response.end('and done'))
        } else response.end('ok')
      },
      await readCertificate(paths),
    )
    expect(server.origin).toMatch(/^https:/)
    const job = renewalJob(paths, server, first)
    const slow = await ask('/slow')
    const finish = await held.promise

    writeFileSync(paths.cert, second.cert)
    await expect(job.run()).rejects.toThrow(ConfigError)
    expect((await ask()).name).toBe('first')

    write(second)
    await job.run()
    expect((await ask()).name).toBe('second')
    finish()
    let text = ''
    for await (const part of slow.response) text += part
    expect(text).toBe('begun and done')
    rmSync(folder, { recursive: true })
  })

  test('speaks no plain HTTP', async () => {
    await open(answer, await selfSigned('tls'))
    const plain = server.origin.replace('https:', 'http:')
    await expect(
      new Promise((resolve, reject) => get(plain, resolve).on('error', reject)),
    ).rejects.toThrow()
  })

  test('does not start with a key of another', async () => {
    const [first, second] = [await selfSigned('first'), await selfSigned('second')]
    const folder = mkdtempSync(join(tmpdir(), 'cocoon-tls-'))
    writeFileSync(files(folder).cert, first.cert)
    writeFileSync(files(folder).key, second.key)
    await expect(readCertificate(files(folder))).rejects.toThrow(ConfigError)
    const nowhere = { cert: '/nowhere/cert.pem', key: '/nowhere/key.pem' }
    await expect(readCertificate(nowhere)).rejects.toThrow(/TLS_CERT and TLS_KEY .*ENOENT/)
    rmSync(folder, { recursive: true })
  })
})
