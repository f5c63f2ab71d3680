import { createHmac } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, base64url, fromHex, hex, utf8 } from '#base/bytes.ts'
import { ecdsaDer, makeSigner } from '#dev/forge/der.ts'
import { forgeNvidia, type NvidiaForge } from '#dev/forge/nvidia.ts'
import { type NrasAnswer, type NrasFields, writeToken } from '#dev/forge/nvidia-nras.ts'
import { certify, nvidiaName } from '#dev/forge/nvidia-pki.ts'
import type { Check } from '../checks.ts'
import type { JsonObject } from '../fields.ts'
import { appraiseNras } from './appraise.ts'
import { NRAS_CHECKS } from './checks.ts'
import { DEFAULT_NRAS_POLICY, type NrasPolicy } from './policy.ts'
import { proveNras } from './prove.ts'

const NOW = 1_790_000_000
const NONCE = fromHex('c3'.repeat(32))
const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))

let forge: NvidiaForge

beforeAll(async () => {
  forge = await forgeNvidia({ random, now: NOW, gpus: 2 })
})

type Fields = Partial<Omit<NrasFields, 'nonce'>>

interface Case {
  readonly fields?: Fields
  readonly keySet?: Bytes
  readonly now?: number
  readonly nonce?: Bytes
  readonly issuer?: string
  readonly roots?: readonly Bytes[]
  readonly policy?: Partial<NrasPolicy>
  readonly gpus?: number
  readonly answer?: Bytes
}

async function checksOf(item: Case): Promise<readonly Check[]> {
  const { nras } = forge.anchors
  const now = unixSeconds(item.now ?? NOW)
  const proof = await proveNras({
    answer: item.answer ?? (await forge.nras({ nonce: NONCE, ...item.fields })),
    keySet: item.keySet ?? forge.keySet(),
    now,
    anchors: { issuer: item.issuer ?? nras.issuer, roots: item.roots ?? nras.roots },
    nonce: item.nonce ?? NONCE,
  })
  if (!proof.proven) return proof.checks
  const policy = { ...DEFAULT_NRAS_POLICY, ...item.policy }
  const gpus = forge.devices.slice(0, item.gpus ?? 2).map(({ leaf }) => ({
    ueid: leaf.serial.toString(),
    chip: 'GH100',
    driver: '595.71.05',
    vbios: '96.00.9F.00.04',
  }))
  return [...proof.checks, ...appraiseNras(proof.facts, policy, { now, gpus })]
}

async function failuresOf(item: Case): Promise<string[]> {
  const checks = await checksOf(item)
  return checks.flatMap((check) => (check.status === 'fail' ? [`${check.id} ${check.code}`] : []))
}

describe('a good answer', () => {
  test.each(['2.0', '3.0'] as const)(
    'with claims of version %s passes every check',
    async (version) => {
      const checks = await checksOf({ fields: { version } })
      expect(checks.filter(({ status }) => status !== 'pass')).toEqual([])
      const ids = Object.keys(NRAS_CHECKS).filter((id) => id !== 'nras.present')
      expect(new Set(checks.map(({ id }) => id))).toEqual(new Set(ids))
    },
  )

  test('may name the chip alone as its model', async () => {
    expect(await failuresOf({ fields: { device: () => ({ hwmodel: 'GH100' }) } })).toEqual([])
  })

  test('may hold claims that this verifier does not know', async () => {
    const fields = { device: () => ({ 'x-nvidia-new': 'x' }), overall: { 'x-nvidia-new': 1 } }
    expect(await failuresOf({ fields })).toEqual([])
  })
})

/** The same thing about the overall token (undefined) or about device token n. */
const token = (index: number | undefined, fields: object): Fields => ({
  token: (i) => (i === index ? fields : {}),
})

describe('algorithm and key', () => {
  const WHICH = [undefined, 0, 1] as const

  test.each(WHICH)('alg "none" in token %s is refused', async (index) => {
    const fields = token(index, {
      header: { alg: 'none', kid: forge.kid },
      tamper: withoutSignature,
    })
    expect(await failuresOf({ fields })).toEqual(['nras.header token-alg'])
  })

  const withoutSignature = (compact: string): string => compact.replace(/[^.]*$/, '')

  test.each(WHICH)('HS384 with the public key as secret in token %s is refused', async (index) => {
    const header = { alg: 'HS384', kid: forge.kid }
    const secret = forge.authorities.nrasLeaf.signer.spki
    const tamper = (compact: string): string => {
      const signed = compact.slice(0, compact.lastIndexOf('.'))
      return `${signed}.${createHmac('sha384', secret).update(signed).digest('base64url')}`
    }
    expect(await failuresOf({ fields: token(index, { header, tamper }) })).toEqual([
      'nras.header token-alg',
    ])
  })

  test.each(['ES256', 'ES512', 'RS256', 'es384', '', undefined])(
    'alg %s is refused',
    async (alg) => {
      expect(await failuresOf({ fields: { header: { alg } } })).toEqual(['nras.header token-alg'])
    },
  )

  test.each(['jku', 'jwk', 'x5u', 'x5c', 'crit'])(
    'a key named by the token (%s) is refused',
    async (name) => {
      const header = { [name]: name === 'crit' ? ['exp'] : 'https://a.example/keys' }
      expect(await failuresOf({ fields: { header } })).toEqual(['nras.header token-key'])
    },
  )

  test('a missing, foreign or different key id is refused', async () => {
    expect(await failuresOf({ fields: { header: { kid: undefined } } })).toEqual([
      'nras.header token-key',
    ])
    expect(await failuresOf({ fields: { header: { kid: 'other' } } })).toEqual([
      'nras.key token-key',
    ])
    const fields = token(1, { header: { alg: 'ES384', kid: 'other' } })
    expect(await failuresOf({ fields })).toEqual(['nras.header token-key'])
  })

  test.each<[string, JsonObject]>([
    ['on another curve', { crv: 'P-256' }],
    ['of another type', { kty: 'RSA' }],
    ['for encryption', { use: 'enc' }],
    ['for another algorithm', { alg: 'ES256' }],
    ['with a short coordinate', { x: 'AAAA' }],
  ])('a key %s is refused', async (_, fields) => {
    expect(await failuresOf({ keySet: forge.keySet(fields) })).toEqual(['nras.key token-key'])
  })

  test('two keys of one id are refused', async () => {
    const set: { keys: unknown[] } = JSON.parse(new TextDecoder().decode(forge.keySet()))
    const keySet = utf8(JSON.stringify({ keys: [...set.keys, ...set.keys] }))
    expect(await failuresOf({ keySet })).toEqual(['nras.key token-key'])
  })

  test('an empty key set, or one that is not JSON, is refused', async () => {
    expect(await failuresOf({ keySet: utf8('{"keys":[]}') })).toEqual(['nras.key token-key'])
    expect(await failuresOf({ keySet: utf8('<html>') })).toEqual(['nras.key token-parse'])
  })
})

describe('signatures', () => {
  test.each([undefined, 0, 1])('token %s signed by a stranger is refused', async (index) => {
    const signer = await makeSigner('ecdsa-p384-sha384')
    const overallOnly =
      index === undefined ? token(undefined, { signer }) : token(index, { signer })
    expect(await failuresOf({ fields: overallOnly })).toEqual(['nras.signature token-signature'])
  })

  test.each([undefined, 0])('a changed character in token %s is refused', async (index) => {
    const tamper = (compact: string): string =>
      compact.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'))
    const failures = await failuresOf({ fields: token(index, { tamper }) })
    expect(failures).toHaveLength(1)
    expect(failures[0]).toMatch(/token-(signature|parse)$/)
  })

  test('a signature in DER is refused', async () => {
    const tamper = (compact: string): string => {
      const [header, payload, signature = ''] = compact.split('.')
      const raw = Uint8Array.from(atob(signature.replaceAll('-', '+').replaceAll('_', '/')), (c) =>
        c.charCodeAt(0),
      )
      return `${header}.${payload}.${base64url(ecdsaDer(raw))}`
    }
    expect(await failuresOf({ fields: token(0, { tamper }) })).toEqual([
      'nras.signature token-signature',
    ])
  })
})

describe('issuer, dates and nonce, in every token', () => {
  const WHERE = ['overall', 'device'] as const
  const claims = (where: (typeof WHERE)[number], values: JsonObject): Fields =>
    where === 'overall' ? { overall: values } : { device: (i) => (i === 1 ? values : {}) }

  const issuers = [
    'https://nras.attestation-stg.nvidia.com',
    'https://nras.attestation.nvidia.com/',
    'http://nras.attestation.nvidia.com',
    'NVAT-LOCAL-VERIFIER',
    undefined,
  ]
  test.each(WHERE.flatMap((where) => issuers.map((iss) => [where, iss] as const)))(
    '%s: issuer %s is refused',
    async (where, iss) => {
      expect(await failuresOf({ fields: claims(where, { iss }) })).toEqual([
        'nras.issuer token-issuer',
      ])
    },
  )

  test('another subject of the overall token is refused', async () => {
    expect(await failuresOf({ fields: { overall: { sub: 'x' } } })).toEqual([
      'nras.issuer token-issuer',
    ])
  })

  const dates: readonly (readonly [string, JsonObject])[] = [
    ['expired', { exp: NOW }],
    ['not yet valid', { nbf: NOW + 61 }],
    ['issued in the future', { iat: NOW + 61, exp: NOW + 62 }],
    ['valid for more than an hour', { exp: NOW + 3_601 }],
    ['without an end', { exp: undefined }],
    ['without a beginning', { nbf: undefined }],
    ['without a time of issue', { iat: undefined }],
    ['dated in text', { exp: `${NOW + 3_600}` }],
    ['dated in fractions', { iat: NOW - 0.5 }],
  ]
  test.each(
    WHERE.flatMap((where) => dates.map(([name, values]) => [where, name, values] as const)),
  )('%s: %s is refused', async (where, _, values) => {
    expect(await failuresOf({ fields: claims(where, values) })).toEqual([
      'nras.dates token-expired',
    ])
  })

  test('a minute of clock difference is tolerated, five minutes of age are the limit', async () => {
    expect(await failuresOf({ now: NOW - 60 })).toEqual([])
    expect(await failuresOf({ now: NOW - 61 })).toEqual(['nras.dates token-expired'])
    expect(await failuresOf({ now: NOW + 300 })).toEqual([])
    expect(await failuresOf({ now: NOW + 301 })).toEqual(['nras.age token-expired'])
  })

  test.each(WHERE)('%s: another nonce is refused', async (where) => {
    const fields = claims(where, { eat_nonce: '00'.repeat(32) })
    expect(await failuresOf({ fields })).toEqual(['nras.nonce token-nonce'])
    const upper = claims(where, { eat_nonce: hex(NONCE).toUpperCase() })
    expect(await failuresOf({ fields: upper })).toEqual(['nras.nonce token-nonce'])
  })

  test('an answer over another nonce than ours is refused', async () => {
    expect(await failuresOf({ nonce: new Uint8Array(32) })).toEqual(['nras.nonce token-nonce'])
  })
})

describe('submodules', () => {
  const swap = (answer: NrasAnswer): unknown => [
    answer[0],
    { 'GPU-0': answer[1]['GPU-1'], 'GPU-1': answer[1]['GPU-0'] },
  ]

  test('swapped device tokens are refused though all are signed', async () => {
    expect(await failuresOf({ fields: { answer: swap } })).toEqual(['nras.digests token-digest'])
  })

  test('a device token of another answer is refused', async () => {
    const other: NrasAnswer = JSON.parse(
      new TextDecoder().decode(await forge.nras({ nonce: NONCE })),
    )
    const fields: Fields = {
      answer: ([overall, tokens]) => [overall, { ...tokens, 'GPU-1': other[1]['GPU-1'] }],
    }
    expect(await failuresOf({ fields })).toEqual(['nras.digests token-digest'])
  })

  test('a token that the overall one does not name, or names without one, is refused', async () => {
    const fewer: Fields = {
      answer: ([overall, tokens]) => [overall, { 'GPU-0': tokens['GPU-0'] }],
    }
    expect(await failuresOf({ fields: fewer })).toEqual(['nras.digests token-digest'])
    const more: Fields = {
      answer: ([overall, tokens]) => [overall, { ...tokens, 'GPU-2': tokens['GPU-0'] }],
    }
    expect(await failuresOf({ fields: more })).toEqual(['nras.digests token-digest'])
  })

  test.each<[string, unknown]>([
    ['missing', undefined],
    ['empty', {}],
    ['a list', []],
    ['of another digest', { 'GPU-0': ['DIGEST', ['SHA256', '00']], 'GPU-1': [] }],
  ])('%s: refused', async (_, submods) => {
    expect(await failuresOf({ fields: { overall: { submods } } })).toEqual([
      'nras.digests token-digest',
    ])
  })
})

describe('claims', () => {
  test.each<[string, JsonObject]>([
    ['the result false', { 'x-nvidia-overall-att-result': false }],
    ['the result in text', { 'x-nvidia-overall-att-result': 'true' }],
    ['no result', { 'x-nvidia-overall-att-result': undefined }],
    ['an unknown claims version', { 'x-nvidia-ver': '4.0' }],
  ])('%s is refused', async (_, overall) => {
    expect(await failuresOf({ fields: { overall } })).toEqual(['nras.result token-claims'])
  })

  const REPORT = 'x-nvidia-gpu-attestation-report'
  const rim = (kind: string): string[] =>
    ['fetched', 'schema-validated', 'signature-verified', 'measurements-available'].map(
      (check) => `x-nvidia-gpu-${kind}-rim-${check}`,
    )
  const COMMON = [
    'x-nvidia-gpu-arch-check',
    'x-nvidia-gpu-vbios-index-no-conflict',
    ...['parsed', 'nonce-match', 'signature-verified'].map((check) => `${REPORT}-${check}`),
    ...rim('driver'),
    ...rim('vbios'),
    'secboot',
  ]
  const ONLY = {
    '2.0': [
      `${REPORT}-cert-chain-validated`,
      'x-nvidia-gpu-driver-rim-cert-validated',
      'x-nvidia-gpu-vbios-rim-cert-validated',
    ],
    '3.0': [
      `${REPORT}-cert-chain-fwid-match`,
      'x-nvidia-gpu-driver-rim-version-match',
      'x-nvidia-gpu-vbios-rim-version-match',
    ],
  } as const
  const rows = (['2.0', '3.0'] as const).flatMap((version) =>
    [...COMMON, ...ONLY[version]].map((claim) => [version, claim] as const),
  )

  test.each(rows)('version %s: %s false, missing or in text is refused', async (version, claim) => {
    for (const value of [false, undefined, 'true', 1]) {
      const device = (i: number): JsonObject => (i === 1 ? { [claim]: value } : {})
      expect(await failuresOf({ fields: { version, device } })).toEqual([
        'nras.claims token-claims',
      ])
    }
  })

  test.each<[string, JsonObject]>([
    ['measurements that failed', { measres: 'fail' }],
    ['debugging on (DevTools)', { dbgstat: 'enabled' }],
    ['another maker', { oemid: '1' }],
  ])('%s: refused though the overall result is true', async (_, claims) => {
    expect(await failuresOf({ fields: { device: () => claims } })).toEqual([
      'nras.claims token-claims',
    ])
  })

  const GOOD = {
    'x-nvidia-cert-status': 'valid',
    'x-nvidia-cert-ocsp-status': 'good',
    'x-nvidia-cert-expiration-date': '2027-01-01T00:00:00Z',
    'x-nvidia-cert-revocation-reason': null,
  }
  const chains = ['attestation-report', 'driver-rim', 'vbios-rim'].map(
    (part) => `x-nvidia-gpu-${part}-cert-chain`,
  )
  test.each<[string, unknown]>([
    ['missing', undefined],
    ['a truth value', true],
    ['expired by status', { ...GOOD, 'x-nvidia-cert-status': 'expired' }],
    ['expired by date', { ...GOOD, 'x-nvidia-cert-expiration-date': '2020-01-01T00:00:00Z' }],
    ['undated', { ...GOOD, 'x-nvidia-cert-expiration-date': 'soon' }],
    ['revoked', { ...GOOD, 'x-nvidia-cert-ocsp-status': 'revoked' }],
    ['on hold', { ...GOOD, 'x-nvidia-cert-revocation-reason': 'certificate_hold' }],
    ['without a reason', { ...GOOD, 'x-nvidia-cert-revocation-reason': undefined }],
    ['of a stale OCSP answer', { ...GOOD, 'x-nvidia-cert-ocsp-response-valid': false }],
    ['of another OCSP nonce', { ...GOOD, 'x-nvidia-cert-ocsp-nonce-matches': false }],
  ])('version 3.0: a certificate chain %s is refused', async (_, value) => {
    for (const claim of chains) {
      const device = (): JsonObject => ({ [claim]: value })
      expect(await failuresOf({ fields: { device } })).toEqual(['nras.claims token-claims'])
    }
    const device = (): JsonObject => Object.fromEntries(chains.map((claim) => [claim, GOOD]))
    expect(await failuresOf({ fields: { device } })).toEqual([])
  })

  test('a warning is refused unless the policy tolerates that very text', async () => {
    const fields = { device: () => ({ 'x-nvidia-attestation-warning': 'W1' }) }
    expect(await failuresOf({ fields })).toEqual(['nras.warning token-claims'])
    expect(await failuresOf({ fields, policy: { toleratedWarnings: ['W2'] } })).toEqual([
      'nras.warning token-claims',
    ])
    expect(await failuresOf({ fields, policy: { toleratedWarnings: ['W1'] } })).toEqual([])
  })
})

describe('the devices', () => {
  test('must be as many as gave evidence', async () => {
    expect(await failuresOf({ gpus: 1 })).toEqual(['nras.devices token-claims'])
  })

  test.each<[string, JsonObject]>([
    ['the same one twice', { ueid: '1' }],
    ['another one', {}],
    ['none', { ueid: undefined }],
  ])('by ueid %s: refused', async (name, claims) => {
    const device = (i: number): JsonObject =>
      name === 'another one' ? { ueid: String(i + 1) } : claims
    expect(await failuresOf({ fields: { device } })).toEqual(['nras.devices token-claims'])
  })

  test.each<[string, JsonObject]>([
    ['model', { hwmodel: 'GH1000' }],
    ['driver', { 'x-nvidia-gpu-driver-version': '570.0' }],
    ['VBIOS', { 'x-nvidia-gpu-vbios-version': '96.00.9F.00.05' }],
  ])('with another %s than the evidence: refused', async (_, claims) => {
    expect(await failuresOf({ fields: { device: () => claims } })).toEqual([
      'nras.devices token-claims',
    ])
  })
})

describe('the key’s certificates', () => {
  const x5c = (...chain: readonly Bytes[]): Bytes =>
    forge.keySet({ x5c: chain.map((der) => base64(der)) })

  test('without any, a policy must trust the key set alone', async () => {
    const keySet = forge.keySet({ x5c: undefined })
    expect(await failuresOf({ keySet })).toEqual(['nras.key-provenance token-key'])
    const policy = { keyProvenance: 'unchecked' } as const
    const checks = await checksOf({ keySet, policy })
    expect(checks.find(({ id }) => id === 'nras.key-provenance')?.status).toBe('skip')
  })

  test('must end in the pinned root where one is pinned, and be linked where none is', async () => {
    expect(await failuresOf({ roots: [] })).toEqual([])
    const stranger = await forgeNvidia({ random, now: NOW })
    const roots = stranger.anchors.nras.roots
    expect(await failuresOf({ roots })).toEqual(['nras.key-chain token-key'])
    const { nrasLeaf, rimCa } = forge.authorities
    expect(await failuresOf({ roots: [], keySet: x5c(nrasLeaf.der, rimCa.der) })).toEqual([
      'nras.key-chain token-key',
    ])
    expect(await failuresOf({ roots: [], keySet: x5c(nrasLeaf.der) })).toEqual([
      'nras.key-provenance token-key',
    ])
  })

  test('must be certificates', async () => {
    for (const junk of [['AAAA'], ['*'], [1]]) {
      expect(await failuresOf({ keySet: forge.keySet({ x5c: junk }) })).toEqual([
        'nras.key token-key',
      ])
    }
  })

  test('must be for the key, and valid when the token was issued', async () => {
    const { nrasLeaf, nrasIntermediate } = forge.authorities
    const name = nvidiaName('NVIDIA Attestation Service GPU GH100')
    const leaf = (fields: { notAfter?: number }, signer = nrasLeaf.signer) =>
      certify(
        { subject: name, ca: false, now: NOW, years: 1, signer, fields },
        nrasIntermediate,
        random,
      )
    const old = await leaf({ notAfter: NOW - 1 })
    expect(await failuresOf({ keySet: x5c(old.der, nrasIntermediate.der) })).toEqual([
      'nras.key-chain token-key',
    ])
    const other = await leaf({}, await makeSigner('ecdsa-p384-sha384'))
    expect(await failuresOf({ keySet: x5c(other.der, nrasIntermediate.der) })).toEqual([
      'nras.key-chain token-key',
    ])
  })
})

describe('malformed answers', () => {
  test.each<[string, (answer: NrasAnswer) => unknown]>([
    ['not a pair', ([overall]) => [overall]],
    ['three parts', (answer) => [...answer, {}]],
    ['another token type', ([overall, tokens]) => [['JWS', overall[1]], tokens]],
    ['no device token', ([overall]) => [overall, {}]],
    ['a list of device tokens', ([overall]) => [overall, []]],
    [
      'a gap in the numbers',
      ([overall, tokens]) => [overall, { 'GPU-0': tokens['GPU-0'], 'GPU-2': tokens['GPU-1'] }],
    ],
    ['another name', ([overall, tokens]) => [overall, { 'CPU-0': tokens['GPU-0'] }]],
    [
      'GPUs and switches mixed',
      ([overall, tokens]) => [overall, { 'GPU-0': tokens['GPU-0'], 'SWITCH-1': tokens['GPU-1'] }],
    ],
    ['a token that is no text', ([overall]) => [overall, { 'GPU-0': 1 }]],
    ['a token of two parts', ([overall]) => [overall, { 'GPU-0': 'e30.e30' }]],
    ['a token of four parts', ([overall]) => [overall, { 'GPU-0': 'e30.e30.e30.e30' }]],
    ['a token with padding', ([overall, tokens]) => [overall, { 'GPU-0': `${tokens['GPU-0']}==` }]],
    ['a payload that is no object', ([overall]) => [overall, { 'GPU-0': 'e30.W10.AAAA' }]],
  ])('%s: refused', async (name, answer) => {
    const expected =
      name === 'a token with padding' ? /^nras\.(form|signature) / : /^nras\.form token-parse$/
    const failures = await failuresOf({ fields: { answer } })
    expect(failures).toHaveLength(1)
    expect(failures[0]).toMatch(expected)
  })

  test('more than 16 devices, or 256 KiB, are refused', async () => {
    const tokens = Object.fromEntries(
      Array.from({ length: 17 }, (_, i) => [`GPU-${i}`, 'e30.e30.e30']),
    )
    expect(await failuresOf({ fields: { answer: ([overall]) => [overall, tokens] } })).toEqual([
      'nras.form token-parse',
    ])
    expect(await failuresOf({ answer: new Uint8Array(262_145) })).toEqual(['nras.form too-large'])
  })

  test.each([undefined, 0])('a member named twice in token %s is refused', async (index) => {
    const text = (json: string): string => json.replace('{', '{"iss":"https://a.example",')
    expect(await failuresOf({ fields: token(index, { text }) })).toEqual(['nras.form token-parse'])
    const escaped = (json: string): string => json.replace('{', '{"\\u0069ss":"https://a.example",')
    expect(await failuresOf({ fields: token(index, { text: escaped }) })).toEqual([
      'nras.form token-parse',
    ])
  })

  test('a device named twice in the answer is refused', async () => {
    const answer = new TextDecoder().decode(await forge.nras({ nonce: NONCE }))
    const twice = answer.replace('{"GPU-0"', '{"GPU-0":"e30.e30.e30","GPU-0"')
    expect(await failuresOf({ answer: utf8(twice) })).toEqual(['nras.form token-parse'])
  })

  test('a nested token in a claim is only a claim', async () => {
    const nested = await writeToken({
      signer: forge.authorities.nrasLeaf.signer,
      header: { alg: 'ES384', kid: forge.kid },
      payload: { measres: 'success' },
    })
    const fields: Fields = { device: () => ({ measres: nested }) }
    expect(await failuresOf({ fields })).toEqual(['nras.claims token-claims'])
  })
})
