import { beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_POLICY, defaultCollateralSettings } from '#attestation'
import { unixMs } from '#base/brand.ts'
import { type Bytes, base64, hex } from '#base/bytes.ts'
import {
  makeSimulatedTee,
  type SimulatedTee,
  simulatedQuoter,
  simulationOf,
} from '#dev/world/simulated-tee.ts'
import { generateSigner, nodeProvider } from '#protocol/node'
import { type FetchKeysDeps, fetchKeys } from './fetch-keys.ts'
import { readKeyServiceSettings } from './key-service-settings.ts'
import type { Machine } from './machine.ts'
import { pinnedImages } from './pinned-images.ts'
import { createKeyService, type KeyServiceDeps } from './release-keys.ts'

const ORIGIN = 'https://gateway.example'
const KEYS = { GATEWAY_SECRET: '11'.repeat(32), METER_KEY: '22'.repeat(32) }
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
const SERVICE = generateSigner('key-service')

let tee: SimulatedTee
let judge: KeyServiceDeps['judge']
let now = Date.now()
const clock = () => unixMs(now)
const logged: string[] = []

beforeAll(async () => {
  tee = await makeSimulatedTee(Math.floor(now / 1000))
  const { anchors, collateral, images } = await simulationOf(tee)
  judge = {
    allowlist: pinnedImages(images, clock),
    collateral: {
      collect: async (_requests, given) => ({
        collateral: given ?? new Map(),
        handed: [],
        missing: [],
      }),
      refreshDue: async () => 0,
    },
    collateralSettings: defaultCollateralSettings(random),
    anchors,
    givenCollateral: collateral,
    gpu: { ...DEFAULT_POLICY.gpu, presence: 'optional' },
    clock,
  }
})

function service(changes: Partial<KeyServiceDeps> = {}) {
  return createKeyService({
    judge,
    origin: ORIGIN,
    keys: KEYS,
    signer: SERVICE,
    provider: nodeProvider,
    clock,
    random,
    log: (level, message, fields) => logged.push(JSON.stringify([level, message, fields])),
    ...changes,
  })
}

/** A wire between gateway and service that somebody may tamper with. */
type Wire = (request: Request, next: (request: Request) => Promise<Response>) => Promise<Response>

function ask(
  options: {
    readonly machine?: Machine
    readonly to?: ReturnType<typeof service>
    readonly wire?: Wire
    readonly changes?: Partial<FetchKeysDeps>
  } = {},
) {
  const to = options.to ?? service()
  const wire: Wire = options.wire ?? ((request, next) => next(request))
  return fetchKeys({
    machine: options.machine ?? simulatedQuoter(tee, 0),
    service: { url: 'http://key-service.example', publicKey: SERVICE.publicKey },
    origin: ORIGIN,
    makeSigner: () => generateSigner('gateway'),
    provider: nodeProvider,
    fetch: (input, init) => wire(new Request(input, init), to),
    clock,
    ...options.changes,
  })
}

describe('a gateway that asks for its keys', () => {
  test.each([0, 1])('gets them in a listed machine of either technology (%d)', async (machine) => {
    expect(await ask({ machine: simulatedQuoter(tee, machine) })).toEqual(KEYS)
  })

  test('no key is on the wire or in the log', async () => {
    const seen: string[] = []
    await ask({
      wire: async (request, next) => {
        seen.push(await request.clone().text())
        const answer = await next(request)
        seen.push(await answer.clone().text())
        return answer
      },
    })
    for (const key of Object.values(KEYS)) {
      expect(seen.join('\n')).not.toContain(key)
      expect(logged.join('\n')).not.toContain(key)
    }
  })

  test('in an image that is not listed gets none (M16)', async () => {
    const other: Machine = {
      teeType: 'sev-snp',
      quote: async (reportData) => ({
        type: 'sev-snp',
        report: base64(await tee.amd.report({ reportData, measurement: new Uint8Array(48) })),
        vek: base64(await tee.amd.vek()),
      }),
    }
    await expect(ask({ machine: other })).rejects.toThrow(/evidence\.image/)
  })

  test('with hardware that nobody vouches for gets none (M16)', async () => {
    const stranger = await makeSimulatedTee(Math.floor(now / 1000))
    await expect(ask({ machine: simulatedQuoter(stranger, 0) })).rejects.toMatchObject({
      code: 'refused',
    })
  })

  test('with the quote of an earlier start gets none (M16)', async () => {
    const kept: { data?: Bytes } = {}
    const real = simulatedQuoter(tee, 0)
    const replaying: Machine = {
      teeType: 'sev-snp',
      quote: (data) => {
        kept.data ??= data
        return real.quote(kept.data)
      },
    }
    await ask({ machine: replaying })
    await expect(ask({ machine: replaying })).rejects.toThrow(/evidence\.report-data/)
  })

  test('under another gateway’s name gets none', async () => {
    const asked = ask({ changes: { origin: 'https://other.example' } })
    await expect(asked).rejects.toThrow(/subject/)
  })

  test('gets none with a policy that this machine does not meet', async () => {
    const strict = service({ judge: { ...judge, gpu: DEFAULT_POLICY.gpu } })
    await expect(ask({ to: strict })).rejects.toMatchObject({ code: 'refused' })
  })

  test.each([
    ['ahead by seconds gets them', 30, 'released'],
    ['behind by seconds gets them', -30, 'released'],
    ['ahead by minutes gets none', 90, 'not_after'],
    ['of yesterday gets none', -12 * 3600, 'not_after'],
  ])('whose clock is %s', async (_, seconds, outcome) => {
    const asked = ask({ changes: { clock: () => unixMs(now + seconds * 1000) } })
    const result = await asked.then(() => 'released', String)
    expect(result).toContain(outcome)
  })

  test('a request that was seen on the wire yields nothing a second time (M16)', async () => {
    const to = service()
    const seen: Request[] = []
    await ask({
      to,
      wire: (request, next) => {
        seen.push(request.clone())
        return next(request)
      },
    })
    const [, release] = seen
    const answer = release === undefined ? undefined : await to(release)
    expect(answer?.status).toBe(400)
    expect(await answer?.json()).toMatchObject({ error: { code: 'invalid_challenge' } })
  })

  test('a challenge is good for minutes only', async () => {
    const before = now
    const asked = ask({
      wire: (request, next) => {
        if (request.url.endsWith('/release')) now += 301_000
        return next(request)
      },
    })
    await expect(asked).rejects.toMatchObject({ code: 'refused' })
    now = before
  })

  test('keys of another service are not taken: its host could know them (M16)', async () => {
    const fake = service({ signer: generateSigner('host'), keys: { METER_KEY: '99'.repeat(32) } })
    await expect(ask({ to: fake })).rejects.toMatchObject({ code: 'not_trusted' })
  })

  test('an answer that was sealed for another start is not taken', async () => {
    const answers: Response[] = []
    const keep: Wire = async (request, next) => {
      const answer = await next(request)
      if (request.url.endsWith('/release')) answers.push(answer.clone())
      return answer
    }
    await ask({ wire: keep })
    const replay: Wire = (request, next) => {
      const [old] = answers
      return request.url.endsWith('/release') && old !== undefined
        ? Promise.resolve(old)
        : next(request)
    }
    await expect(ask({ wire: replay })).rejects.toMatchObject({ code: 'not_trusted' })
  })

  test('a wire that swaps the key to seal to gets a refusal: the quote names the key (M16)', async () => {
    const swap: Wire = async (request, next) => {
      if (!request.url.endsWith('/release')) return next(request)
      const body = await request.json()
      body.report.attestation.workload_keyset.e2ee_public_keys[0].public_key = hex(random(32))
      return next(new Request(request.url, { method: 'POST', body: JSON.stringify(body) }))
    }
    await expect(ask({ wire: swap })).rejects.toThrow(/evidence\.report-data/)
  })
})

describe('the service', () => {
  const at = (path: string, init: RequestInit = { method: 'POST' }) =>
    service()(new Request(`http://key-service.example${path}`, init))

  test.each([
    ['a body that is none', { method: 'POST', body: '{' }, 400],
    ['a body without evidence', { method: 'POST', body: '{"challenge":"00"}' }, 400],
    ['more than evidence can be', { method: 'POST', body: 'x'.repeat(600_000) }, 413],
    ['a look', { method: 'GET' }, 404],
  ] as const)('%s: %3$d', async (_, init, status) => {
    expect((await at('/v1/release', init)).status).toBe(status)
  })

  test('has no other route', async () => {
    expect((await at('/v1/keys')).status).toBe(404)
  })
})

describe('settings', () => {
  const whole = {
    KEY_SERVICE: 'http://10.0.0.1:8795',
    KEY_SERVICE_KEY: 'ab'.repeat(32),
    PUBLIC_URL: ORIGIN,
    GATEWAY_TEE: 'on',
  }

  test('name the service, its key and this gateway', () => {
    expect(readKeyServiceSettings(whole)).toMatchObject({ origin: ORIGIN })
    expect(readKeyServiceSettings({ METER_KEY: 'x' })).toBeUndefined()
  })

  test.each([
    ['no machine to prove', { GATEWAY_TEE: 'off' }, /GATEWAY_TEE=on/],
    ['nobody to trust', { KEY_SERVICE_KEY: '' }, /KEY_SERVICE_KEY/],
    ['no name', { PUBLIC_URL: '' }, /PUBLIC_URL/],
    ['a key beside it that the host knows', { METER_KEY: '11'.repeat(32) }, /METER_KEY comes from/],
  ])('%s: says so', (_, changes, message) => {
    expect(() => readKeyServiceSettings({ ...whole, ...changes })).toThrow(message)
  })
})
