import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildAssets } from './node/build-assets.ts'
import { openAssets } from './node/open-assets.ts'
import { createPages } from './serve.ts'

const ROOT = join(import.meta.dirname, '..')

const assets = await openAssets(ROOT)
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))

test('the same sources give the same bytes, wherever the checkout lies (H19)', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'cocoon-elsewhere-'))
  for (const folder of ['web', 'base', 'protocol', 'attestation', 'contracts', 'client']) {
    cpSync(join(ROOT, folder), join(elsewhere, folder), { recursive: true })
  }
  cpSync(join(ROOT, 'package.json'), join(elsewhere, 'package.json'))
  cpSync(join(ROOT, 'tsconfig.json'), join(elsewhere, 'tsconfig.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(elsewhere, 'node_modules'))
  try {
    const [here, there] = [await buildAssets(ROOT), await buildAssets(elsewhere)]
    expect(there.manifest).toEqual(here.manifest)
    expect([...there.files.keys()]).toEqual([...here.files.keys()])
    const text = [...here.files.values()].map((bytes) => new TextDecoder().decode(bytes)).join()
    expect(text).not.toContain(ROOT)
  } finally {
    rmSync(elsewhere, { recursive: true })
  }
})

test('no library of TON cells and no Node module reaches a browser', async () => {
  const bodies = [...assets.files.values()].map(({ body }) => new TextDecoder().decode(body))
  expect(bodies.join()).not.toMatch(/from"node:|require\("node:|CellMessage|beginCell/)
})

test('the roots of a simulation are served only where one is given (H17)', async () => {
  const site = {
    ...{ assets, ticker: 'TON', registry: `0:${'a'.repeat(64)}`, endpoints: [] },
    ...{ explorer: 'https://explorer.example/', simulation: undefined },
  }
  const context = { publicUrl: 'https://gateway.example', read: async () => undefined }
  const ask = (pages: ReturnType<typeof createPages>, path: string) =>
    pages(
      new Request(`https://gateway.example${path}`, { headers: { accept: 'text/html' } }),
      context,
    )
  const production = createPages(site, random)
  expect((await ask(production, '/simulation.json'))?.status).toBe(404)
  const home = (await (await ask(production, '/'))?.text()) ?? ''
  expect(home).toContain('"simulation":null')
  expect(home).not.toContain('Simulated.')
  const development = createPages({ ...site, simulation: { simulated: true } }, random)
  expect(await (await ask(development, '/simulation.json'))?.json()).toEqual({ simulated: true })
  expect(await (await ask(development, '/'))?.text()).toContain('Simulated.')
})

test('every page has its own nonce and sets no cookie', async () => {
  const site = {
    ...{ assets, ticker: 'TON', registry: '', endpoints: [] },
    ...{ explorer: undefined, simulation: undefined },
  }
  const pages = createPages(site, random)
  const context = { publicUrl: 'https://gateway.example', read: async () => undefined }
  const policies = new Set<string>()
  for (let i = 0; i < 2; i++) {
    const answer = await pages(new Request('https://gateway.example/'), context)
    policies.add(answer?.headers.get('content-security-policy') ?? '')
    expect(answer?.headers.get('set-cookie')).toBeNull()
    expect(answer?.headers.get('x-content-type-options')).toBe('nosniff')
  }
  expect(policies.size).toBe(2)
  for (const policy of policies) expect(policy).not.toMatch(/unsafe|\*|strict-dynamic/)
})

test('what the gateway names itself cannot end the script element that tells it', async () => {
  const site = {
    ...{ assets, ticker: '</script><script>', registry: '', endpoints: [] },
    ...{ explorer: undefined, simulation: undefined },
  }
  const pages = createPages(site, random)
  const context = { publicUrl: 'https://gateway.example', read: async () => undefined }
  const text = (await (await pages(new Request('https://gateway.example/'), context))?.text()) ?? ''
  expect(text.match(/<script/g)).toHaveLength(2)
})

test.each([
  ['closed', 'Serves'],
  ['open', 'Rests after failures'],
])('a machine whose circuit is %s is shown as one that %s', async (circuit, shown) => {
  const pages = createPages(
    {
      ...{ assets, ticker: 'TON', registry: `0:${'a'.repeat(64)}`, endpoints: [] },
      ...{ explorer: undefined, simulation: undefined },
    },
    random,
  )
  const performance = { first_byte_ms: null, tokens_per_second: null, success: 0, circuit }
  const read = async () => ({ data: [{ id: 'run_1', state: 'admitted', performance }] })
  const request = new Request('https://gateway.example/hosts')
  const answer = await pages(request, { publicUrl: 'https://gateway.example', read })
  expect(await answer?.text()).toContain(`<td class="when">${shown}<small`)
})
