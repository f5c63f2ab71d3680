/**
 * A bounded load client on raw sockets, in a process of its own so that its work is not counted as the
 * gateway's. Keep-alive, one request in flight per connection, stops by itself.
 *
 * usage: node bench/load.ts '<LoadPlan as JSON>'  →  a line `begins`, and at the end one of JSON (LoadResult)
 */
import net from 'node:net'
import { fromHex } from '#base/bytes.ts'
import { parseTon } from '#base/nano.ts'
import { type SuiteName, sealRequest } from '#protocol'
import { nodeProvider } from '#protocol/node'

export interface LoadPlan {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly connections: number
  readonly seconds: number
  /** It ends earlier once so many were sent. */
  readonly requests?: number | undefined
  /** Seal this many requests before the load starts: no two may be alike, and sealing is not what is measured. */
  readonly sealed?: SealPlan
}

export interface SealPlan {
  readonly count: number
  readonly suite: SuiteName
  /** Hex. */
  readonly publicKey: string
  readonly session: string
  readonly model: string
  /** Endpoint as the sealed head names it. */
  readonly endpoint: string
}

export interface LoadResult {
  readonly requests: number
  readonly failed: number
  readonly firstFailure: string
  readonly seconds: number
  readonly chunks: number
  readonly bytes: number
  readonly firstByteMs: Percentiles
  readonly totalMs: Percentiles
}

export interface Percentiles {
  readonly p50: number
  readonly p99: number
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n')
const EVENT = Buffer.from('data: ')
const HEAD_END = '\r\n\r\n'
const RAMP_CONNECTIONS = 100
const MAX_COST = parseTon('1')
const HEAD_SECONDS = 300

function percentiles(values: number[]): Percentiles {
  values.sort((a, b) => a - b)
  const at = (p: number): number =>
    Number((values[Math.min(values.length - 1, Math.floor(values.length * p))] ?? 0).toFixed(3))
  return { p50: at(0.5), p99: at(0.99) }
}

function countEvents(data: Buffer): number {
  let count = 0
  for (let at = data.indexOf(EVENT); at >= 0; at = data.indexOf(EVENT, at + EVENT.length)) count++
  return count
}

class Load {
  readonly #next: () => Buffer | undefined
  readonly #firstByteMs: number[] = []
  readonly #totalMs: number[] = []
  readonly #plan: LoadPlan
  readonly #stopAt: number
  #requests = 0
  #failed = 0
  #firstFailure = ''
  #chunks = 0
  #bytes = 0

  /** @param next the next request's bytes; undefined when there are no more */
  constructor(plan: LoadPlan, next: () => Buffer | undefined) {
    this.#plan = plan
    this.#next = next
    this.#stopAt = performance.now() + plan.seconds * 1000
  }

  async run(): Promise<LoadResult> {
    const began = performance.now()
    const connections: Promise<void>[] = []
    for (let i = 0; i < this.#plan.connections; i++) {
      connections.push(this.#connection())
      if (i % RAMP_CONNECTIONS === RAMP_CONNECTIONS - 1)
        await new Promise((next) => setTimeout(next, 5))
    }
    await Promise.all(connections)
    return {
      requests: this.#requests,
      failed: this.#failed,
      firstFailure: this.#firstFailure,
      seconds: (performance.now() - began) / 1000,
      chunks: this.#chunks,
      bytes: this.#bytes,
      firstByteMs: percentiles(this.#firstByteMs),
      totalMs: percentiles(this.#totalMs),
    }
  }

  #fail(reason: string): void {
    this.#failed++
    if (this.#firstFailure === '') this.#firstFailure = reason.slice(0, 300)
  }

  #connection(): Promise<void> {
    return new Promise((done) => {
      const socket = net.connect(this.#plan.port, '127.0.0.1')
      socket.setNoDelay(true)
      let finishedAll = false
      let sentAt = 0
      let head = true
      let length = -1
      let received = 0
      let first = true
      const send = (): void => {
        const request = performance.now() >= this.#stopAt ? undefined : this.#next()
        if (request === undefined) {
          finishedAll = true
          socket.destroy()
          return
        }
        head = true
        first = true
        received = 0
        sentAt = performance.now()
        socket.write(request)
      }
      const finished = (): void => {
        this.#requests++
        this.#totalMs.push(performance.now() - sentAt)
        send()
      }
      socket.on('connect', send)
      socket.on('error', (error) => this.#fail(error.message))
      socket.on('close', () => {
        if (!finishedAll && performance.now() < this.#stopAt) this.#fail('closed by the server')
        done()
      })
      socket.on('data', (data) => {
        this.#bytes += data.length
        let body = data
        if (head) {
          const text = data.toString('latin1')
          const end = text.indexOf(HEAD_END)
          if (!text.startsWith('HTTP/1.1 200')) this.#fail(text)
          const match = /content-length: (\d+)/i.exec(text.slice(0, end))
          length = match?.[1] === undefined ? -1 : Number(match[1])
          body = data.subarray(end + HEAD_END.length)
          head = false
        }
        if (body.length > 0 && first) {
          first = false
          this.#firstByteMs.push(performance.now() - sentAt)
        }
        received += body.length
        if (length >= 0) {
          if (received >= length) finished()
          return
        }
        this.#chunks += countEvents(body)
        if (data.length >= 5 && data.subarray(-5).equals(LAST_CHUNK)) finished()
      })
      setTimeout(() => socket.destroy(), this.#plan.seconds * 1000 + 5000).unref()
    })
  }
}

function rawRequest(plan: LoadPlan, headers: LoadPlan['headers'], body: Uint8Array): Buffer {
  const lines = Object.entries({ ...plan.headers, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const head = `POST ${plan.path} HTTP/1.1\r\nhost: 127.0.0.1:${plan.port}\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

async function requestsOf(plan: LoadPlan): Promise<() => Buffer | undefined> {
  const body = Buffer.from(plan.body)
  const { sealed } = plan
  if (sealed === undefined) {
    const request = rawRequest(plan, { 'content-type': 'application/json' }, body)
    return () => request
  }
  const head = {
    path: sealed.endpoint,
    model: sealed.model,
    session: sealed.session,
    maxCost: MAX_COST,
    notAfter: Math.floor(Date.now() / 1000) + HEAD_SECONDS,
  }
  const requests: Buffer[] = []
  for (let i = 0; i < sealed.count; i++) {
    const publicKey = fromHex(sealed.publicKey)
    const one = await sealRequest(nodeProvider, { suite: sealed.suite, publicKey, head, body })
    requests.push(
      rawRequest(plan, { 'content-type': 'application/octet-stream', ...one.headers }, one.body),
    )
  }
  return () => requests.pop()
}

function atMost<T>(count: number, next: () => T | undefined): () => T | undefined {
  let left = count
  return () => (left-- > 0 ? next() : undefined)
}

if (process.argv[1] === import.meta.filename) {
  // Sound: the plan is written by the parent bench process, as this type.
  const plan = JSON.parse(process.argv[2] ?? '{}') as LoadPlan
  const next = atMost(plan.requests ?? Infinity, await requestsOf(plan))
  process.stdout.write('begins\n')
  process.stdout.write(`${JSON.stringify(await new Load(plan, next).run())}\n`)
}
