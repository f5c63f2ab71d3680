import { beforeAll, describe, expect, test } from 'vitest'
import { type UnixMs, unixMs, unixSeconds } from '#base/brand.ts'
import { type Bytes, base64 } from '#base/bytes.ts'
import { type AmdForge, forgeAmd, forgedVcekName } from '#dev/forge/amd.ts'
import { type Evidence, parseEvidence } from '../evidence.ts'
import { keySetName } from '../nras/names.ts'
import { encodeBundle, parseBundle } from './bundle.ts'
import type { Collateral, CollateralEntry } from './entry.ts'
import { collateralRequests, defaultCollateralSettings } from './requests.ts'
import { createCollateralSource } from './source.ts'
import { type CollateralStore, memoryStore } from './store.ts'

const NOW = 1_764_000_000
const DAY_MS = 86_400_000
const SETTINGS = defaultCollateralSettings((length) => new Uint8Array(length))
const KDS = 'https://kdsintf.amd.com'
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))

let forge: AmdForge
let evidence: Evidence
let vcek: Bytes
let crl: Bytes
let vcekName: string

beforeAll(async () => {
  forge = await forgeAmd({ random, now: NOW })
  const report = await forge.report()
  evidence = parseEvidence({ tee: { type: 'sev-snp', report: base64(report) } })
  vcek = await forge.vek()
  crl = await forge.crl()
  vcekName = forgedVcekName(forge, report.slice(0x180, 0x188))
})

type Answer = () => Response | Promise<Response>

/** A vendor's service: answers by path, counts what it was asked. */
function service(answers: Readonly<Record<string, Answer>>) {
  const asked: string[] = []
  let now: UnixMs = unixMs(NOW * 1000)
  let background: Promise<void> = Promise.resolve()
  const fakeFetch: typeof fetch = async (input, init) => {
    const url = new URL(String(input))
    asked.push(url.href)
    const answer = answers[url.pathname.split('/').slice(0, 5).join('/')]
    init?.signal?.throwIfAborted()
    return answer === undefined ? new Response('', { status: 404 }) : answer()
  }
  const build = (change: Partial<typeof SETTINGS> = {}, store?: CollateralStore) => {
    const settings = { ...SETTINGS, ...change }
    const source = createCollateralSource(settings, {
      fetch: fakeFetch,
      clock: () => now,
      store: store ?? memoryStore(),
      background: (work) => {
        background = work
      },
    })
    return {
      ...source,
      collectFor: (item: Evidence) =>
        source.collect((have) => collateralRequests(item, have, settings)),
    }
  }
  return {
    asked,
    build,
    advance: (ms: number) => {
      now = unixMs(now + ms)
    },
    background: () => background,
  }
}

const PATHS = { crl: '/vcek/v1/Genoa/crl', vcek: '/vcek/v1/Genoa/' }
function answers(): Record<string, Answer> {
  return {
    [PATHS.crl]: () => new Response(crl),
    [`/vcek/v1/Genoa/${chipHex()}`]: () => new Response(vcek),
  }
}
function chipHex(): string {
  return vcekName.split('/')[3] ?? ''
}

describe('AMD’s key distribution service', () => {
  test('is asked for the certificate of the reported TCB and for the revocation list', async () => {
    const kds = service(answers())
    const { collateral, missing } = await kds.build().collectFor(evidence)
    expect(missing).toEqual([])
    expect([...collateral.keys()].sort()).toEqual(['amd/crl/vcek/Genoa', vcekName].sort())
    expect(kds.asked.sort()).toEqual(
      [
        `${KDS}/vcek/v1/Genoa/${chipHex()}?blSPL=10&teeSPL=0&snpSPL=25&ucodeSPL=84`,
        `${KDS}/vcek/v1/Genoa/crl`,
      ].sort(),
    )
  })

  test('is asked for Turin by 8 bytes of chip id and with the FMC', async () => {
    const turin = await forgeAmd({ random, now: NOW, product: 'Turin' })
    const report = base64(await turin.report())
    const item = parseEvidence({ tee: { type: 'sev-snp', report } })
    const [, request] = await collateralRequests(item, new Map(), SETTINGS)
    expect(request?.url).toMatch(
      /\/vcek\/v1\/Turin\/[0-9a-f]{16}\?fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=74$/,
    )
  })

  test('is asked nothing about a processor that it does not know', async () => {
    const report = base64(await forge.report({ cpuid: [1, 1, 1] }))
    const item = parseEvidence({ tee: { type: 'sev-snp', report } })
    expect(await collateralRequests(item, new Map(), SETTINGS)).toEqual([])
  })

  test('is not asked for a certificate that came with the evidence, and never for a VLEK', async () => {
    const shipped = parseEvidence({
      tee: { type: 'sev-snp', report: base64(await forge.report()), vek: base64(vcek) },
    })
    const vlek = parseEvidence({
      tee: { type: 'sev-snp', report: base64(await forge.report({ kind: 'vlek' })) },
    })
    const names = async (item: Evidence): Promise<string[]> => {
      const requests = await collateralRequests(item, new Map(), SETTINGS)
      return requests.map(({ name }) => name)
    }
    expect(await names(shipped)).toEqual(['amd/crl/vcek/Genoa'])
    expect(await names(vlek)).toEqual(['amd/crl/vlek/Genoa'])
  })
})

describe('the source', () => {
  test('asks once for many at the same time, and keeps what it got', async () => {
    const kds = service(answers())
    const source = kds.build()
    await Promise.all(Array.from({ length: 20 }, () => source.collectFor(evidence)))
    await source.collectFor(evidence)
    expect(kds.asked).toHaveLength(2)
  })

  test('refreshes in the background ahead of the end, and serves the kept object meanwhile', async () => {
    const kds = service(answers())
    const source = kds.build()
    await source.collectFor(evidence)
    kds.advance(DAY_MS)
    const { collateral } = await source.collectFor(evidence)
    expect(collateral.get('amd/crl/vcek/Genoa')?.fetchedAt).toBe(NOW)
    await kds.background()
    const again = await source.collectFor(evidence)
    expect(again.collateral.get('amd/crl/vcek/Genoa')?.fetchedAt).toBe(NOW + 86_400)
    expect(kds.asked).toHaveLength(3)
  })

  test('keeps serving when the service fails, but not beyond the object’s own end', async () => {
    const kds = service(answers())
    const store = memoryStore()
    await kds.build({}, store).collectFor(evidence)
    const down = service({})
    down.advance(2 * DAY_MS)
    const source = down.build({}, store)
    expect((await source.collectFor(evidence)).missing).toEqual([])
    down.advance(400 * DAY_MS)
    expect((await source.collectFor(evidence)).missing).toEqual([
      { name: 'amd/crl/vcek/Genoa', code: 'not-found' },
    ])
  })

  test('a job refreshes what is due', async () => {
    const kds = service(answers())
    const source = kds.build()
    await source.collectFor(evidence)
    expect(await source.refreshDue()).toBe(0)
    kds.advance(DAY_MS)
    expect(await source.refreshDue()).toBe(1)
  })

  test('does not take an older list than the one it has (M8)', async () => {
    const older = await forge.crl({ number: 99 })
    const kds = service({ ...answers(), [PATHS.crl]: () => new Response(current) })
    let current = crl
    const source = kds.build()
    await source.collectFor(evidence)
    current = older
    kds.advance(DAY_MS)
    expect(await source.refreshDue()).toBe(0)
    const { collateral } = await source.collectFor(evidence)
    expect(collateral.get('amd/crl/vcek/Genoa')?.body).toEqual(crl)
  })

  test('backs off after 429 by Retry-After, and after failures ever longer', async () => {
    const kds = service({
      ...answers(),
      [PATHS.crl]: () => new Response('', { status: 429, headers: { 'retry-after': '30' } }),
    })
    const source = kds.build()
    expect((await source.collectFor(evidence)).missing).toEqual([
      { name: 'amd/crl/vcek/Genoa', code: 'rate-limited' },
    ])
    const before = kds.asked.length
    kds.advance(29_000)
    await source.collectFor(evidence)
    expect(kds.asked).toHaveLength(before)
    kds.advance(1_000)
    await source.collectFor(evidence)
    expect(kds.asked).toHaveLength(before + 1)
  })

  test('spends at most its budget a minute, whatever forged evidence asks for (M7)', async () => {
    const kds = service(answers())
    const source = kds.build({ requestsPerMinute: 5 })
    for (let i = 0; i < 10; i++) {
      const report = base64(await forge.report({ chipId: random(64) }))
      await source.collectFor(parseEvidence({ tee: { type: 'sev-snp', report } }))
    }
    expect(kds.asked).toHaveLength(5)
    kds.advance(60_000)
    await source.collectFor(evidence)
    expect(kds.asked.length).toBeGreaterThan(5)
  })

  test.each<[string, Answer, string]>([
    ['a redirect', () => new Response('', { status: 302 }), 'unavailable'],
    ['a server error', () => new Response('', { status: 500 }), 'unavailable'],
    ['an endless body', () => new Response(endless()), 'too-large'],
    ['another object', () => new Response('<html>'), 'invalid'],
    ['an empty body', () => new Response(), 'invalid'],
    ['a broken connection', () => Promise.reject(new TypeError('reset')), 'network'],
  ])('refuses %s', async (_title, answer, code) => {
    const kds = service({ ...answers(), [PATHS.crl]: answer })
    const { missing } = await kds.build().collectFor(evidence)
    expect(missing).toEqual([{ name: 'amd/crl/vcek/Genoa', code }])
  })

  test('gives up after its timeout', async () => {
    const hanging: typeof fetch = (_input, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      })
    const settings = { ...SETTINGS, timeoutMs: 20 }
    const source = createCollateralSource(settings, {
      fetch: hanging,
      clock: () => unixMs(NOW * 1000),
      store: memoryStore(),
      background: () => {},
    })
    const { missing } = await source.collect((have) => collateralRequests(evidence, have, settings))
    expect(missing.map(({ code }) => code)).toEqual(['timeout', 'timeout'])
  })

  test('uses what came along, unless it has ended', async () => {
    const kds = service(answers())
    const source = kds.build()
    const next = (have: Collateral) => collateralRequests(evidence, have, SETTINGS)
    const { collateral } = await source.collect(next)
    const before = kds.asked.length
    await kds.build().collect(next, collateral)
    expect(kds.asked).toHaveLength(before)
    const name = 'amd/crl/vcek/Genoa'
    const ended = await forge.crl({ nextUpdate: NOW - 1 })
    const old = { name, body: ended, headers: {}, fetchedAt: unixSeconds(NOW) }
    const again = await kds.build().collect(next, new Map([...collateral, [name, old]]))
    expect(again.collateral.get(name)?.body).toEqual(crl)
  })

  test('judges a fresh answer once, and not again when it is kept', async () => {
    const kds = service(answers())
    const source = kds.build()
    let judged = 0
    const next = async (have: Collateral) => {
      const requests = await collateralRequests(evidence, have, SETTINGS)
      return requests.map((request) => ({ ...request, accept: () => void judged++ }))
    }
    await source.collect(next)
    await source.collect(next)
    expect(judged).toBe(2)
  })

  test('asks no origin that is not in the settings', async () => {
    const kds = service(answers())
    const { missing } = await kds.build({ origins: [] }).collectFor(evidence)
    expect(missing.map(({ code }) => code)).toEqual(['forbidden-host', 'forbidden-host'])
    expect(kds.asked).toEqual([])
  })

  test('a tampered store only costs a fetch', async () => {
    const store = memoryStore()
    const junk = (name: string): CollateralEntry => {
      return { name, body: new Uint8Array(3), headers: {}, fetchedAt: unixSeconds(NOW) }
    }
    await store.put(junk(vcekName))
    const { missing } = await service(answers()).build({}, store).collectFor(evidence)
    expect(missing).toEqual([])
  })

  test('the memory store forgets the least recently used', async () => {
    const store = memoryStore(2)
    const put = (name: string) =>
      store.put({ name, body: new Uint8Array(), headers: {}, fetchedAt: unixSeconds(NOW) })
    await put('a')
    await put('b')
    await store.get('a')
    await put('c')
    expect(await store.get('b')).toBeUndefined()
    expect((await store.get('a'))?.name).toBe('a')
  })
})

describe('a bundle', () => {
  const WEEK = { now: unixSeconds(NOW), maxAgeSeconds: 604_800 }

  test('carries collateral unchanged through JSON', async () => {
    const { collateral } = await service(answers()).build().collectFor(evidence)
    const json = JSON.parse(JSON.stringify(encodeBundle({ created: unixSeconds(NOW), collateral })))
    expect(parseBundle(json, WEEK).collateral).toEqual(collateral)
  })

  test('brings no keys that are believed for the place that they were fetched from (H17)', () => {
    const entry = { body: new Uint8Array(), headers: {}, fetchedAt: unixSeconds(NOW) }
    const names = [keySetName('nv-eat-kid-prod'), 'nvidia/nras/token/00']
    const collateral = new Map(names.map((name) => [name, { ...entry, name }]))
    const json = encodeBundle({ created: unixSeconds(NOW), collateral })
    expect([...parseBundle(json, WEEK).collateral.keys()]).toEqual(['nvidia/nras/token/00'])
  })

  test('is refused when it is older than a week or from the future', () => {
    for (const created of [NOW - 604_801, NOW + 1]) {
      const json = encodeBundle({ created: unixSeconds(created), collateral: new Map() })
      expect(() => parseBundle(json, WEEK)).toThrow(
        expect.objectContaining({ code: 'collateral-stale' }),
      )
    }
  })

  test.each([
    [null],
    [[]],
    [{ version: 2, created: NOW, entries: [] }],
    [{ version: 1, created: -1, entries: [] }],
    [{ version: 1, created: NOW, entries: {} }],
    [{ version: 1, created: NOW, entries: [{ name: 'a', body: '!', headers: {}, fetched_at: 1 }] }],
    [
      {
        version: 1,
        created: NOW,
        entries: [0, 1].map(() => ({ name: 'a', body: '', headers: {}, fetched_at: 1 })),
      },
    ],
  ])('is refused when malformed: %j', (value) => {
    expect(() => parseBundle(value, WEEK)).toThrow(expect.objectContaining({ code: 'parse' }))
  })
})

function endless(): ReadableStream<Uint8Array> {
  const chunk = new Uint8Array(65_536)
  return new ReadableStream({ pull: (controller) => controller.enqueue(chunk) })
}
