import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Runner } from '#enclave-runner/main.ts'
import { MODEL, startTestWorld, type TestWorld } from '#gateway/testing/world.ts'
import { Payer } from '../support/account.ts'
import { readStream, tokensIn } from '../support/read-stream.ts'
import { awaitAvailable, startRealRunner } from '../support/real-runner.ts'
import { selfSigned } from '../support/tls-proxy.ts'

/** The sites of `docs/deploy` as they stand, but for names, ports and certificates, in front of a real gateway. */
const DEPLOY = join(import.meta.dirname, '../../docs/deploy')

interface Site {
  readonly name: string
  readonly program: string
  /** The site, with what stands around it on a server. */
  configure(at: Place): string
  /** Its arguments for a configuration file. */
  start(file: string): readonly string[]
}

interface Place {
  readonly folder: string
  readonly port: number
  readonly gateway: string
}

const NGINX: Site = {
  name: 'nginx.conf',
  program: '/usr/sbin/nginx',
  configure: ({ folder, port, gateway }) => `daemon off; pid ${folder}/pid; error_log stderr;
    events {}
    http {
      access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
      ${readFileSync(join(DEPLOY, 'nginx.conf'), 'utf8')
        .replace('listen 443', `listen 127.0.0.1:${port}`)
        .replace('gateway.example *.runners.example', '_')
        .replace('http://127.0.0.1:8787', gateway)
        .replace('/etc/ssl/gateway/fullchain.pem', `${folder}/cert.pem`)
        .replace('/etc/ssl/gateway/privkey.pem', `${folder}/key.pem`)}
    }`,
  start: (file) => ['-c', file, '-e', 'stderr'],
}

const CADDY: Site = {
  name: 'Caddyfile',
  program: '/usr/bin/caddy',
  configure: ({ folder, port, gateway }) => `{
    admin off
    auto_https off
    storage file_system ${folder}/caddy
  }
  ${readFileSync(join(DEPLOY, 'Caddyfile'), 'utf8')
    .replace(
      'gateway.example, *.runners.example {',
      `https://127.0.0.1:${port} {\n  bind 127.0.0.1\n  tls ${folder}/cert.pem ${folder}/key.pem`,
    )
    .replace('127.0.0.1:8787', new URL(gateway).host)}`,
  start: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
}

describe.each([NGINX, CADDY])('docs/deploy/$name', (site) => {
  // Said, not hidden: without the program these lines read "skipped", and the README says that they need it.
  describe.skipIf(!existsSync(site.program))(`run by ${site.program}`, () => holds(site))
})

function holds(site: Site): void {
  let world: TestWorld
  let payer: Payer
  let runner: Runner
  let origin: string
  let stop: () => Promise<void>

  beforeAll(async () => {
    world = await startTestWorld()
    const started = await startSite(site, world.gateway.origin)
    ;({ origin, stop } = started)
    const { id, key } = await world.account(10_000_000n)
    payer = new Payer(origin, key, id)
    runner = await startRealRunner(world.tee, [origin])
  }, 120_000)
  afterAll(async () => {
    await runner?.close(0)
    await stop?.()
    await world?.close()
  })

  const ask = (script: string, stream: boolean): Promise<Response> =>
    payer.chat({ model: MODEL, stream, messages: [{ role: 'user', content: script }] })

  test('lets a runner’s tunnel through', async () => {
    expect(await awaitAvailable(world.gateway.origin, 1)).toHaveLength(1)
    expect((await ask('c5g0', false)).status).toBe(200)
  })

  test('passes each piece of a stream when it comes', async () => {
    // A token each 200 ms: who sees the first before the last was made sees no buffer in between.
    const streamed = readStream(await ask('c20g200', true))
    await streamed.until((text) => tokensIn(text) > 0)
    expect(tokensIn(streamed.text)).toBeLessThan(10)
    expect(tokensIn(await streamed.rest())).toBe(20)
  })

  test.each(['/admin/audit', '/metrics'])('keeps %s from the outside', async (path) => {
    expect((await fetch(`${origin}${path}`)).status).toBe(404)
    expect((await fetch(`${world.gateway.origin}${path}`)).status).not.toBe(404)
  })

  test('passes large headers and refuses endless bodies', async () => {
    const large = await fetch(`${origin}/health`, { headers: { 'x-large': 'x'.repeat(12_000) } })
    expect(large.status).toBe(200)
    const body = new Uint8Array(33_554_433)
    const refused = await fetch(`${origin}/v1/chat/completions`, {
      method: 'POST',
      headers: payer.headers,
      body,
    })
    expect(refused.status).toBe(413)
  })
}

async function startSite(
  site: Site,
  gateway: string,
): Promise<{ readonly origin: string; readonly stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-proxy-'))
  const { cert, key } = await selfSigned()
  setDefaultCACertificates([...getCACertificates(), cert])
  writeFileSync(join(folder, 'cert.pem'), cert)
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 })
  const port = await freePort()
  const file = join(folder, 'site')
  writeFileSync(file, site.configure({ folder, port, gateway }))
  const child = spawn(site.program, [...site.start(file)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = once(child, 'exit')
  await Promise.race([untilListening(port), ended])
  if (child.exitCode !== null) throw new Error(`${site.program} ended: ${said}`)
  return {
    origin: `https://127.0.0.1:${port}`,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise((next) => setTimeout(next, 50))
  }
}
