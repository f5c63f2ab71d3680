import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAssets, openPages } from '#web/node.ts'
import { comparePage } from '../page/compare-page.ts'
import { openDesk } from '../testing/run-command.ts'
import { page } from './page.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const network = 'local'
let origin: string
let close: () => void
let change = (text: string): string => text

beforeAll(async () => {
  const pages = await openPages({ root: ROOT, registry: '', endpoints: [], network })
  const server = createServer(async (request, response) => {
    const url = `http://${request.headers.host}${request.url}`
    const context = { publicUrl: origin, read: async () => undefined }
    const answer = await pages(new Request(url, { headers: { accept: 'text/html' } }), context)
    const bytes = Buffer.from((await answer?.arrayBuffer()) ?? new ArrayBuffer())
    const isText = /text|javascript/.test(answer?.headers.get('content-type') ?? '')
    response.writeHead(answer?.status ?? 404, Object.fromEntries(answer?.headers ?? []))
    response.end(isText ? change(bytes.toString()) : bytes)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  origin = typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
  close = () => server.close()
})
afterAll(() => close())

const assets = await openAssets(ROOT)
const differences = () => comparePage({ origin, assets, fetch })

test('a gateway that serves this build is told apart from one that does not (H19)', async () => {
  change = (text) => text
  expect(await differences()).toEqual([])
  change = (text) => text.replace('never', 'sometimes')
  expect((await differences()).join()).toMatch(/another file/)
})

test.each([
  ['a script of its own', '<script>steal()</script>'],
  ['loads /other.js', '<script src="/other.js" integrity="sha256-x"></script>'],
  [
    'loads https://elsewhere.example/x.css',
    '<link rel="stylesheet" href="https://elsewhere.example/x.css">',
  ],
  ['runs code by an attribute', '<img src="x" onerror="steal()">'],
])('a page with %s is noticed', async (what, addition) => {
  change = (text) => text.replace('</body>', `${addition}</body>`)
  expect((await differences()).join()).toContain(what)
})

test('a place where no gateway is costs one line, not a trace', async () => {
  const free = createServer()
  await new Promise<void>((done) => free.listen(0, '127.0.0.1', done))
  const address = free.address()
  const place = typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
  await new Promise((done) => free.close(done))
  const desk = openDesk()
  const { code, err } = await desk.run(page, place)
  desk.close()
  expect(code).toBe(1)
  expect(err).toMatch(/^cocoon page: \S+ does not answer.*own address\?$/)
  expect(await desk.run(page, 'gateway.example')).toMatchObject({ code: 2 })
})
