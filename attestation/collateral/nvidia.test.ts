import { beforeAll, describe, expect, test } from 'vitest'
import { type UnixMs, unixMs, unixSeconds } from '#base/brand.ts'
import { type Bytes, fromHex, hex } from '#base/bytes.ts'
import { forgeNvidia, type GpuEvidence, type NvidiaForge } from '#dev/forge/nvidia.ts'
import { revocable } from '#dev/forge/nvidia-machine.ts'
import { readOcspRequest } from '#dev/forge/nvidia-ocsp.ts'
import { nvidiaServices } from '#dev/forge/nvidia-services.ts'
import { DEFAULT_NVIDIA_POLICY, type NvidiaPolicy } from '../nvidia/policy.ts'
import { verifyGpus } from '../nvidia/verify-gpus.ts'
import { type NvidiaSettings, nvidiaRequests } from './nvidia.ts'
import { defaultCollateralSettings } from './requests.ts'
import { createCollateralSource } from './source.ts'
import { memoryStore } from './store.ts'

const NOW = 1_790_000_000
const NONCE = fromHex('c3'.repeat(32))
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
const SETTINGS = defaultCollateralSettings(random)
const NRAS = 'https://nras.attestation.nvidia.com'

let forge: NvidiaForge
let evidence: GpuEvidence

beforeAll(async () => {
  forge = await forgeNvidia({ random, now: NOW })
  evidence = await forge.evidence({ nonce: NONCE })
})

/** The whole mechanism in front of forged services; `intercept` answers in their place where it likes. */
function world(
  settings: Partial<NvidiaSettings> = {},
  intercept: (request: Request) => Promise<Response | undefined> = async () => undefined,
) {
  const asked: Request[] = []
  let now: UnixMs = unixMs(NOW * 1000)
  const services = nvidiaServices(forge, () => now)
  const nvidia = { ...SETTINGS.nvidia, ...settings }
  const source = createCollateralSource(SETTINGS, {
    fetch: async (input, init) => {
      const request = new Request(input, init)
      asked.push(request.clone())
      return (await intercept(request.clone())) ?? services(request)
    },
    clock: () => now,
    store: memoryStore(),
    background: () => {},
  })
  return {
    asked,
    pass: (seconds: number) => {
      now = unixMs(now + seconds * 1000)
    },
    collect: () => source.collect((have) => nvidiaRequests(evidence, have, nvidia)),
    verify: async (policy: Partial<NvidiaPolicy> = {}) => {
      const { collateral } = await source.collect((have) => nvidiaRequests(evidence, have, nvidia))
      const outcome = await verifyGpus(evidence, {
        collateral,
        now: unixSeconds(now / 1000),
        anchors: forge.anchors,
        policy: { ...DEFAULT_NVIDIA_POLICY, ...policy },
        nonce: NONCE,
      })
      return outcome.checks.flatMap((check) =>
        check.status === 'fail' ? [`${check.id} ${check.code}`] : [],
      )
    },
  }
}

const paths = (asked: readonly Request[]): string[] =>
  asked.map(({ url, method }) => `${method} ${new URL(url).pathname}`)

describe('fetched collateral', () => {
  test('is all that a local verdict needs: two manifests and six OCSP answers', async () => {
    const { asked, verify } = world()
    expect(await verify()).toEqual([])
    const [driver, vbios] = [forge.rimId('driver'), forge.rimId('vbios')]
    expect(paths(asked).toSorted()).toEqual([
      `GET /v1/rim/${driver}`,
      `GET /v1/rim/${vbios}`,
      ...Array.from({ length: 6 }, () => 'POST /'),
    ])
    // Kept: the second verdict asks nobody.
    expect(await verify()).toEqual([])
    expect(asked).toHaveLength(8)
  })

  test('is fetched again when it ends, and an ended answer is never used', async () => {
    const { asked, verify, pass } = world()
    await verify()
    pass(24 * 3_600)
    expect(await verify()).toEqual([])
    expect(paths(asked).filter((path) => path === 'POST /')).toHaveLength(12)
  })

  test('asks OCSP about each certificate with a nonce of its own', async () => {
    const { asked, collect } = world()
    await collect()
    const posts = asked.filter(({ method }) => method === 'POST')
    const bodies = await Promise.all(
      posts.map(async (one) => new Uint8Array(await one.arrayBuffer())),
    )
    const nonces = bodies.map((body) => hex(readOcspRequest(body).nonce ?? new Uint8Array()))
    expect(new Set(nonces).size).toBe(6)
    expect(nonces.every((nonce) => nonce.length === 64)).toBe(true)
    for (const { headers } of posts) {
      expect(headers.get('content-type')).toBe('application/ocsp-request')
    }
    const { provisioner } = forge.authorities
    const about = bodies.filter((body) => readOcspRequest(body).asksAbout(provisioner.serial))
    expect(about).toHaveLength(1)
  })

  test.each([
    ['another nonce', new Uint8Array(32)],
    ['no nonce', undefined],
  ])('takes no OCSP answer with %s: an old one could be replayed', async (_, nonce) => {
    const { verify } = world({}, async (request) => {
      if (request.method !== 'POST') return undefined
      const { asksAbout } = readOcspRequest(new Uint8Array(await request.arrayBuffer()))
      const subject = revocable(forge.devices, forge.authorities).find(({ certificate }) =>
        asksAbout(certificate.serial),
      )
      return subject && new Response(await forge.ocsp(subject, { nonce }))
    })
    expect(await verify()).toEqual(['gpu.revocation ocsp'])
  })

  test('takes no manifest of another id, or one that is not a manifest', async () => {
    for (const body of ['{"id":"X","rim":"PGEvPg==","sha256":""}', '<html>']) {
      const { verify } = world({}, async ({ url }) =>
        url.includes('/v1/rim/') ? new Response(body) : undefined,
      )
      expect(await verify()).toEqual(['rim.driver rim-missing', 'rim.vbios rim-missing'])
    }
  })

  test('sends the service key to the RIM and attestation services only', async () => {
    const { asked, collect } = world({ serviceKey: 'k', references: 'both' })
    await collect()
    const withKey = asked.filter(({ headers }) => headers.get('authorization') === 'Bearer k')
    expect(new Set(withKey.map(({ url }) => new URL(url).origin))).toEqual(
      new Set(['https://rim.attestation.nvidia.com', NRAS]),
    )
    expect(asked.some(({ url }) => url.includes('ocsp'))).toBe(true)
  })

  test('holds revocation lists too when the settings ask for them', async () => {
    const { asked, collect } = world({ revocationLists: true })
    const { collateral } = await collect()
    const lists = [...collateral.keys()].filter((name) => name.startsWith('nvidia/crl/'))
    expect(lists.toSorted()).toEqual([
      'nvidia/crl/NVIDIA%20CoRIM%20signing%20Root%20CA',
      'nvidia/crl/NVIDIA%20Device%20Identity%20CA',
      'nvidia/crl/NVIDIA%20GH100%20Identity',
    ])
    expect(paths(asked)).toContain('GET /crl/l2-gh100.crl')
  })
})

describe('the attestation service', () => {
  test.each(['nras', 'both'] as const)('judges where the policy says %s', async (references) => {
    const { asked, verify } = world({ references })
    expect(await verify({ references })).toEqual([])
    const post = asked.find(({ url }) => url === `${NRAS}/v4/attest/gpu`)
    expect(await post?.json()).toMatchObject({
      nonce: hex(NONCE),
      arch: 'HOPPER',
      claims_version: '3.0',
      evidence_list: [{}],
    })
    const rims = paths(asked).filter((path) => path.startsWith('GET /v1/rim/'))
    expect(rims).toHaveLength(references === 'both' ? 2 : 0)
  })

  test('must agree with our own judgement where the policy wants both', async () => {
    const { verify } = world({ references: 'both' }, async ({ url }) =>
      url.includes('/v1/rim/') ? new Response(null, { status: 404 }) : undefined,
    )
    expect(await verify({ references: 'both' })).toEqual([
      'rim.driver rim-missing',
      'rim.vbios rim-missing',
    ])
    const bad = world({ references: 'both' }, async ({ url }) =>
      url.endsWith('/v4/attest/gpu')
        ? new Response(
            await forge.nras({ nonce: NONCE, overall: { 'x-nvidia-overall-att-result': false } }),
          )
        : undefined,
    )
    expect(await bad.verify({ references: 'both' })).toEqual(['nras.result token-claims'])
  })

  test('that says nothing leaves the GPUs unproven', async () => {
    const { verify } = world({ references: 'nras' }, async ({ url }) =>
      url.startsWith(NRAS) ? new Response(null, { status: 503 }) : undefined,
    )
    expect(await verify({ references: 'nras' })).toEqual(['nras.present collateral-missing'])
  })

  test('is not asked by a local policy, and its word does not stand in for our own', async () => {
    const { verify } = world({ references: 'nras' })
    expect(await verify()).toEqual([
      'rim.driver rim-missing',
      'rim.vbios rim-missing',
      'gpu.revocation ocsp',
    ])
  })

  test('never vouches for evidence whose signature or nonce is wrong', async () => {
    const { collect } = world({ references: 'nras' })
    const { collateral } = await collect()
    const outcome = await verifyGpus(evidence, {
      collateral,
      now: unixSeconds(NOW),
      anchors: forge.anchors,
      policy: { ...DEFAULT_NVIDIA_POLICY, references: 'nras' },
      nonce: new Uint8Array(32),
    })
    expect(outcome).toMatchObject({ proven: false })
  })

  test('whose key set lacks the token’s key is asked for it again later', async () => {
    const rotated = await forgeNvidia({ random, now: NOW })
    let sets = 0
    const { verify, pass } = world({ references: 'nras' }, async ({ url }) => {
      if (!url.endsWith('/jwks.json')) return undefined
      sets += 1
      return new Response(sets === 1 ? rotated.keySet() : forge.keySet())
    })
    expect(await verify({ references: 'nras' })).toEqual(['nras.present collateral-missing'])
    pass(120)
    expect(await verify({ references: 'nras' })).toEqual([])
    expect(sets).toBe(2)
  })

  test('signs nothing with a key that it withdrew more than a day ago', async () => {
    const rotated = await forgeNvidia({ random, now: NOW })
    let isWithdrawn = false
    const { verify, pass } = world({ references: 'nras' }, async ({ url }) =>
      isWithdrawn && url.endsWith('/jwks.json') ? new Response(rotated.keySet()) : undefined,
    )
    expect(await verify({ references: 'nras' })).toEqual([])
    isWithdrawn = true
    pass(7 * 3_600)
    // Kept while it may be: a service that does not answer for some hours stops nobody.
    expect(await verify({ references: 'nras' })).toEqual([])
    pass(18 * 3_600)
    expect(await verify({ references: 'nras' })).toEqual(['nras.present collateral-missing'])
  })

  test('is asked again once its token is older than the policy takes', async () => {
    const { asked, verify, pass } = world({ references: 'nras' })
    expect(await verify({ references: 'nras' })).toEqual([])
    pass(299)
    expect(await verify({ references: 'nras' })).toEqual([])
    pass(2)
    expect(await verify({ references: 'nras' })).toEqual([])
    const tokens = asked.filter(({ url }) => url.endsWith('/v4/attest/gpu'))
    expect(tokens).toHaveLength(2)
  })
})

test('evidence that cannot be parsed is asked about nowhere', async () => {
  const junk = {
    arch: 'HOPPER',
    devices: [{ evidence: new Uint8Array(8), certificate: new Uint8Array() }],
  }
  await expect(nvidiaRequests(junk, new Map(), SETTINGS.nvidia)).rejects.toMatchObject({
    code: 'parse',
  })
})
