import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { ZERO_NANO } from '#base/nano.ts'
import { connect } from '#client'
import { postJson } from '#enclave-runner/lease/post-json.ts'
import { startDelivery } from '#enclave-runner/outbox/deliver.ts'
import { openOutbox } from '#enclave-runner/outbox/outbox.ts'
import { newOutboxPath } from '#enclave-runner/testing/test-runner.ts'
import { fetchKeys } from '#gateway/attest/fetch-keys.ts'
import { openJsonRpc } from '#gateway/money/json-rpc.ts'
import { tickerRate } from '#gateway/money/rates.ts'
import { generateSigner, nodeProvider } from '#protocol/node'

/**
 * Answers of outside parties that are larger than this machine: a megabyte that decompresses to a gigabyte, and one
 * without an end. What is counted is what comes out of the decompression.
 */
const KIB = 1024
const MIB = 1024 * KIB
const BOMB_BYTES = 1024 * MIB
/** Members of gzip one after the other are one file (RFC 1952 section 2.2). */
const MEMBER_BYTES = 8 * MIB
const BOMB = Buffer.concat(
  Array.from({ length: BOMB_BYTES / MEMBER_BYTES }).fill(
    gzipSync(Buffer.alloc(MEMBER_BYTES, ' ')),
  ) as Buffer[],
)
/** What may be under way beyond the limit: a piece of the decompression. */
const PIECE_BYTES = MIB

let server: Server
let left: Promise<void>
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function listen(answer: (response: ServerResponse) => void): Promise<string> {
  const gone = Promise.withResolvers<void>()
  left = gone.promise
  const listener: RequestListener = (request, response) => {
    request.resume()
    response.on('close', gone.resolve)
    answer(response)
  }
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  // Sound: a TCP server that listens has an address object.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const bomb = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
  response.end(BOMB)
}

const endless = (response: ServerResponse): void => {
  const piece = Buffer.alloc(64 * KIB, ' ')
  const more = (): void => {
    while (!response.destroyed && response.write(piece)) {}
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.on('drain', more)
  more()
}

/** Fetch, and how many bytes were taken from its answers' bodies. */
function countingFetch() {
  const counted = { bytes: 0 }
  const counting: typeof fetch = async (input, init) => {
    const { body, status, headers } = await fetch(input, init)
    const reader = body?.getReader()
    const stream = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const read = await reader?.read()
          if (read === undefined || read.done) return controller.close()
          counted.bytes += read.value.length
          controller.enqueue(read.value)
        },
        cancel: (reason) => reader?.cancel(reason),
      },
      { highWaterMark: 0 },
    )
    return new Response(stream, { status, headers })
  }
  return { counted, fetch: counting }
}

const clock = () => unixMs(Date.now())
const never = new AbortController().signal

type Ask = (deps: { readonly fetch: typeof fetch; readonly url: string }) => Promise<unknown>

/** Delivers one receipt, and rejects with what is logged when it is not taken. */
function deliverOne({ fetch, url }: Parameters<Ask>[0]): Promise<never> {
  return new Promise((_, reject) => {
    const outbox = openOutbox(newOutboxPath())
    const entry = { gateway: url, runner: 'run_1', receiptId: 'req_1', ref: 'ref' }
    outbox.put({ ...entry, cost: ZERO_NANO, at: 0, receipt: {} })
    const delivery = startDelivery({
      outbox,
      fetch,
      random: (length) => new Uint8Array(length),
      wait: () => new Promise(setImmediate),
      log: (_level, event, fields) => {
        reject({ ...fields, event })
        void delivery.close()
      },
    })
  })
}

const READERS: readonly (readonly [string, number, Ask, object])[] = [
  [
    'the provider of the chain, to the gateway',
    16 * MIB,
    ({ fetch, url }) =>
      openJsonRpc({
        endpoint: url,
        fetch,
        wait: async () => {},
        chance: () => 0,
        callsPerSecond: 1_000,
      }).call('getAddressState', {}),
    { code: 'bad_answer' },
  ],
  [
    'a ticker, to the gateway',
    64 * KIB,
    async ({ fetch, url }) => {
      const source = tickerRate({ tickers: [{ name: 'a', url, path: ['usd'] }], fetch, clock })
      await source.read()
      throw source.sources()[0]
    },
    { name: 'a', usd: null },
  ],
  [
    'the key service, to the gateway',
    MIB,
    ({ fetch, url }) =>
      fetchKeys({
        machine: {} as Parameters<typeof fetchKeys>[0]['machine'],
        service: { url, publicKey: new Uint8Array(32) },
        origin: 'https://gateway.example',
        makeSigner: () => generateSigner('gateway'),
        provider: nodeProvider,
        fetch,
        clock,
      }),
    { code: 'not_trusted' },
  ],
  [
    'a gateway, to a runner that registers',
    MIB,
    ({ fetch, url }) => postJson(fetch, url, {}, never),
    { code: 'malformed' },
  ],
  [
    'a gateway, to a runner that delivers receipts',
    4 * MIB,
    deliverOne,
    { event: 'receipts not delivered', code: 'RangeError' },
  ],
  [
    'a gateway, to a client',
    8 * MIB,
    ({ fetch, url }) => connect({ baseURL: `${url}/v1`, trustGatewayAllowlist: true, fetch }),
    { code: 'gateway_misbehaved' },
  ],
]

test.each(READERS)(
  'a gigabyte in a megabyte of %s is refused, not unpacked',
  async (_, limit, ask, refusal) => {
    const url = await listen(bomb)
    const { counted, fetch } = countingFetch()
    await expect(ask({ fetch, url })).rejects.toMatchObject(refusal)
    expect(counted.bytes).toBeGreaterThan(limit)
    expect(counted.bytes).toBeLessThan(limit + PIECE_BYTES)
  },
)

test.each(READERS)(
  'an answer without end of %s is refused and hung up on',
  async (_, limit, ask, refusal) => {
    const url = await listen(endless)
    const { counted, fetch } = countingFetch()
    await expect(ask({ fetch, url })).rejects.toMatchObject(refusal)
    expect(counted.bytes).toBeLessThan(limit + PIECE_BYTES)
    await left
  },
)

/** Where a body is read whole without a count, and why it may be. */
const UNCOUNTED: Readonly<Record<string, string>> = {
  'cli/moving/gateway-api.ts': 'the operator’s own gateway',
  'client/sealed-fetch.ts': 'the caller’s own request',
  'gateway/http/json-body.ts': 'of an announced length, which the server holds it to',
  'gateway/pages.ts': 'the gateway’s own app',
  'web/islands/chat/turn.ts': 'the tab’s own gateway, whose code runs in it',
  'web/islands/dashboard/exit.tsx': 'a file that the owner chose',
  'web/islands/dashboard/open-recovery.tsx': 'a file that the owner chose',
  'web/islands/lib/gateway.ts': 'the tab’s own gateway, whose code runs in it',
  'web/worker.ts': 'files of the deployment',
}

test('nobody else reads a body whole without counting it', () => {
  const root = join(import.meta.dirname, '..', '..')
  const folders = ['attestation', 'base', 'cli', 'client', 'enclave-runner', 'gateway', 'web']
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...folders], {
    cwd: root,
  })
  const uncounted = files
    .toString()
    .split('\n')
    .filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$|\/testing\//.test(file))
    .filter((file) =>
      /\.(?:text|json|arrayBuffer|bytes|blob|formData)\(\)/.test(
        readFileSync(join(root, file), 'utf8'),
      ),
    )
  expect(uncounted.sort()).toEqual(Object.keys(UNCOUNTED))
})
