import { beforeAll, describe, expect, test } from 'vitest'
import { type UnixMs, unixMs, unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, hex, utf8 } from '#base/bytes.ts'
import { forgeIntel, type IntelForge } from '#dev/forge/intel.ts'
import { parseEvidence } from '../evidence.ts'
import { parseTdxEvidence } from '../tdx/evidence.ts'
import { proveTdx } from '../tdx/prove.ts'
import type { Collateral } from './entry.ts'
import { DEFAULT_INTEL_SETTINGS, intelRequests } from './intel.ts'
import { collateralRequests, defaultCollateralSettings } from './requests.ts'
import { createCollateralSource } from './source.ts'
import { memoryStore } from './store.ts'

const NOW = 1_764_000_000
const DAY_SECONDS = 86_400
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
const SETTINGS = defaultCollateralSettings((length) => new Uint8Array(length))

let forge: IntelForge
let quote: Bytes

beforeAll(async () => {
  forge = await forgeIntel({ random, now: NOW })
  quote = await forge.quote()
})

type Answers = Map<string, () => Response>

/** Intel's service as it answers: documents with their issuer chain in a header, lists in DER. */
async function pcs(change: Answers = new Map()): Promise<{
  readonly fetch: typeof fetch
  readonly asked: string[]
}> {
  const chain = await forge.issuerChain()
  const info = await forge.tcbInfo()
  const identity = await forge.qeIdentity()
  const pckCrl = await forge.crl()
  const rootCrl = await forge.crl({ of: 'root' })
  const answers: Answers = new Map([
    [
      '/tdx/certification/v4/tcb',
      () => new Response(info, { headers: { 'TCB-Info-Issuer-Chain': chain } }),
    ],
    [
      '/tdx/certification/v4/qe/identity',
      () => new Response(identity, { headers: { 'SGX-Enclave-Identity-Issuer-Chain': chain } }),
    ],
    ['/sgx/certification/v4/pckcrl', () => new Response(pckCrl)],
    ['/IntelSGXRootCA.der', () => new Response(rootCrl)],
    ...change,
  ])
  const asked: string[] = []
  const fakeFetch: typeof fetch = async (input) => {
    const url = new URL(String(input))
    asked.push(url.href)
    return answers.get(url.pathname)?.() ?? new Response('', { status: 404 })
  }
  return { fetch: fakeFetch, asked }
}

function source(fakeFetch: typeof fetch, clock: () => UnixMs = () => unixMs(NOW * 1000)) {
  const background = (): void => {}
  return createCollateralSource(SETTINGS, {
    fetch: fakeFetch,
    clock,
    store: memoryStore(),
    background,
  })
}

const evidence = () => parseEvidence({ tee: { type: 'tdx', quote: base64(quote) } })
const ask = (have: Collateral) => collateralRequests(evidence(), have, SETTINGS)

describe('Intel’s collateral', () => {
  test('is asked for by FMSPC and authority, once, and proves the quote as it came', async () => {
    const { fetch: fakeFetch, asked } = await pcs()
    const { collect } = source(fakeFetch)
    const { collateral, missing } = await collect(ask)
    expect(missing).toEqual([])
    expect(asked.sort()).toEqual([
      `https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=platform&encoding=der`,
      `https://api.trustedservices.intel.com/tdx/certification/v4/qe/identity?update=standard`,
      `https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=${forge.fmspc}&update=standard`,
      'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der',
    ])
    await collect(ask)
    expect(asked).toHaveLength(4)
    const proof = await proveTdx({
      evidence: parseTdxEvidence({ quote }),
      collateral,
      now: unixSeconds(NOW),
      anchors: [forge.root],
    })
    expect(proof.proven).toBe(true)
  })

  test('from a PCCS: its own base, and the root’s list as hex text', async () => {
    const settings = {
      ...DEFAULT_INTEL_SETTINGS,
      pcs: 'https://pccs.example:8081',
      rootCrl: 'https://pccs.example:8081/sgx/certification/v4/rootcacrl',
    }
    const requests = intelRequests(parseTdxEvidence({ quote }), new Map(), settings)
    expect(new Set(requests.map(({ url }) => new URL(url).origin))).toEqual(
      new Set(['https://pccs.example:8081']),
    )
    const root = requests.find(({ name }) => name === 'intel/crl/root')
    const body = utf8(hex(await forge.crl({ of: 'root' })))
    const entry = { name: 'intel/crl/root', body, headers: {}, fetchedAt: unixSeconds(NOW) }
    expect(root?.lifetime(entry).expires).toBe(NOW + 29 * DAY_SECONDS)
  })

  test('early data is asked for beside the standard one when the settings say so', () => {
    const settings = { ...DEFAULT_INTEL_SETTINGS, early: true }
    const requests = intelRequests(parseTdxEvidence({ quote }), new Map(), settings)
    const names = requests.map(({ name }) => name)
    expect(names).toContain(`intel/tcb/tdx/${forge.fmspc}/early`)
    expect(names).toContain('intel/qe/td/early')
    expect(requests.filter(({ url }) => url.endsWith('update=early'))).toHaveLength(2)
  })

  test('are refreshed daily, and end with their own dates', () => {
    const requests = intelRequests(parseTdxEvidence({ quote }), new Map(), DEFAULT_INTEL_SETTINGS)
    return Promise.all(
      requests.map(async ({ name, lifetime }) => {
        const entry = (await forge.collateral()).get(name)
        if (entry === undefined) throw new Error(`no ${name}`)
        const { expires, refresh } = lifetime(entry)
        expect(expires, name).toBe(NOW + 29 * DAY_SECONDS)
        expect(refresh, name).toBe(NOW + DAY_SECONDS)
      }),
    )
  })

  test('an answer that is older than the kept one is not taken (M8)', async () => {
    let now = NOW
    const name = `intel/tcb/tdx/${forge.fmspc}`
    const old = await forge.tcbInfo({
      edit: (info) => {
        info.tcbEvaluationDataNumber = 19
      },
    })
    const { fetch: good } = await pcs()
    const { fetch: stale } = await pcs(
      new Map([['/tdx/certification/v4/tcb', () => new Response(old)]]),
    )
    let current = good
    const { collect, refreshDue } = source(
      (...args) => current(...args),
      () => unixMs(now * 1000),
    )
    const before = (await collect(ask)).collateral.get(name)?.body
    current = stale
    now += 15 * DAY_SECONDS
    await refreshDue()
    const after = (await collect(ask)).collateral.get(name)?.body
    expect(after).toEqual(before)
  })

  describe('that somebody else hands over (M8)', () => {
    const away: typeof fetch = () => Promise.reject(new TypeError('no route'))
    const later = (days: number) => () => unixMs((NOW + days * DAY_SECONDS) * 1000)
    const MAX_AGE = { maxAgeSeconds: 14 * DAY_SECONDS }
    const namesOf = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name)
    const monthly = () => [`intel/tcb/tdx/${forge.fmspc}`, 'intel/qe/td', 'intel/crl/platform']

    test('is not used where Intel answers: an old one hides nothing', async () => {
      const { fetch: good } = await pcs()
      const collateral = new Map(await forge.collateral())
      const old = await forge.tcbInfo({
        edit: (info) => {
          info.tcbEvaluationDataNumber = 17
        },
      })
      const name = `intel/tcb/tdx/${forge.fmspc}`
      const entry = collateral.get(name)
      if (entry === undefined) throw new Error('no TCB info')
      collateral.set(name, { ...entry, body: old })
      const got = await source(good).collect(ask, new Map(), { collateral, ...MAX_AGE })
      expect(got.collateral.get(name)?.body).not.toEqual(old)
      expect(got).toMatchObject({ handed: [], missing: [] })
    })

    test('is used where Intel does not answer, with the dates that Intel signed', async () => {
      const collateral = await forge.collateral()
      const got = await source(away, later(12)).collect(ask, new Map(), { collateral, ...MAX_AGE })
      expect(got.missing).toEqual([])
      expect(namesOf(got.handed)).toEqual(expect.arrayContaining(monthly()))
      for (const { issued } of got.handed) expect(issued).toBe(NOW - DAY_SECONDS)
    })

    test('is not used once it is older than the limit, though it is valid', async () => {
      const collateral = await forge.collateral()
      const got = await source(away, later(14)).collect(ask, new Map(), { collateral, ...MAX_AGE })
      expect(namesOf(got.missing)).toEqual(expect.arrayContaining(monthly()))
      expect(got.handed).toEqual([])
    })

    test('is used until its own end where Intel signs it once a year', async () => {
      const rootCrl = await forge.crl({ of: 'root', nextUpdate: NOW + 365 * DAY_SECONDS })
      const body = {
        name: 'intel/crl/root',
        body: rootCrl,
        headers: {},
        fetchedAt: unixSeconds(NOW),
      }
      const collateral = new Map([['intel/crl/root', body]])
      const got = await source(away, later(200)).collect(ask, new Map(), { collateral, ...MAX_AGE })
      expect(namesOf(got.handed)).toEqual(['intel/crl/root'])
    })
  })

  test.each([
    ['a page instead of a document', '/tdx/certification/v4/tcb', '<html>'],
    ['a document of another kind', '/tdx/certification/v4/qe/identity', '{"tcbInfo":{}}'],
    ['text instead of a list', '/sgx/certification/v4/pckcrl', 'not found'],
  ])('%s never enters the cache', async (_title, path, body) => {
    const { fetch: fakeFetch } = await pcs(new Map([[path, () => new Response(body)]]))
    const { missing } = await source(fakeFetch).collect(ask)
    expect(missing.map(({ code }) => code)).toEqual(['invalid'])
  })
})
