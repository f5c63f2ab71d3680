import { beforeAll, describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, concat, fromHex } from '#base/bytes.ts'
import {
  basicConstraints,
  type CertificateFields,
  ecdsaDer,
  int,
  keyUsage,
  makeSigner,
  pem,
  type Signer,
  type SignerKind,
  seq,
  writeCertificate,
  writeCrl,
} from '#dev/forge/der.ts'
import { AttestationError } from '../errors.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { type ChainOptions, verifyChain } from './chain.ts'
import { checkNotRevoked, parseCrl, verifyCrl } from './crl.ts'
import { checkEcdsaRaw, ecdsaRawFromDer } from './ecdsa.ts'
import { parsePem, parsePemCertificates } from './pem.ts'

const NOW = unixSeconds(1_764_000_000)
const ALL = ['ecdsa-sha256', 'ecdsa-sha384', 'rsa-pss-sha384', 'rsa-pkcs1-sha256'] as const
const keys: Partial<Record<'root' | 'ca' | 'ca2' | 'leaf', Signer>> = {}

beforeAll(async () => {
  keys.root = await makeSigner('ecdsa-p384-sha384')
  keys.ca = await makeSigner('ecdsa-p256-sha256')
  keys.ca2 = await makeSigner('ecdsa-p384-sha256')
  keys.leaf = await makeSigner('ecdsa-p256-sha256')
})

function key(name: keyof typeof keys): Signer {
  const signer = keys[name]
  if (signer === undefined) throw new Error(name)
  return signer
}

/** A certificate `subject` ← `issuer`, both names of keys. */
async function certify(
  subject: keyof typeof keys,
  issuer: keyof typeof keys,
  change: Partial<CertificateFields> = {},
  signer: Signer = key(issuer),
): Promise<Certificate> {
  const authority = subject !== 'leaf'
  const fields: CertificateFields = {
    serial: 7,
    issuer: [['CN', issuer]],
    subject: [['CN', subject]],
    notBefore: NOW - 100,
    notAfter: NOW + 100,
    spki: key(subject).spki,
    extensions: authority ? [basicConstraints(true), keyUsage(0x06)] : [],
    ...change,
  }
  return parseCertificate(await writeCertificate(fields, signer))
}

async function outcome(
  chain: readonly Certificate[],
  change: Partial<ChainOptions> = {},
): Promise<string> {
  const anchors = change.anchors ?? [await certify('root', 'root')]
  try {
    const options = { anchors, now: NOW, algorithms: ALL, leaf: 'end-entity', ...change } as const
    const { path, validUntil } = await verifyChain(chain, options)
    return `${path.length} until ${validUntil - NOW}`
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}

describe('a chain', () => {
  test('ends at the pinned root, whether it brings one along or not', async () => {
    const anchors = [await certify('root', 'root')]
    const leaf = await certify('leaf', 'ca', { notAfter: NOW + 50 })
    const ca = await certify('ca', 'root')
    expect(await outcome([leaf, ca], { anchors })).toBe('3 until 50')
    expect(await outcome([leaf, ca, ...anchors], { anchors })).toBe('3 until 50')
    // The same key and name in another certificate: the pinned one and its dates count.
    const reissued = await certify('root', 'root', { notAfter: NOW - 1 })
    expect(await outcome([leaf, ca, reissued], { anchors })).toBe('3 until 50')
  })

  test('mixes curves and hashes freely', async () => {
    const leaf = await certify('leaf', 'ca2')
    expect(await outcome([leaf, await certify('ca2', 'root')])).toBe('3 until 100')
  })

  const kinds: readonly SignerKind[] = ['rsa-pss-sha384', 'rsa-pkcs1-sha256']
  test.each(kinds)(
    'is verified by %s where the vendor uses it, and refused where not',
    async (kind) => {
      const signer = await makeSigner(kind)
      const root = await certify('root', 'root', { spki: signer.spki }, signer)
      const leaf = await certify('leaf', 'root', {}, signer)
      expect(await outcome([leaf], { anchors: [root] })).toBe('2 until 100')
      expect(await outcome([leaf], { anchors: [root], algorithms: ['ecdsa-sha384'] })).toBe('chain')
    },
  )

  test('whose end is not pinned is untrusted, also when it calls itself the root', async () => {
    const stranger = await makeSigner('ecdsa-p384-sha384')
    const fake = await certify('root', 'root', { spki: stranger.spki }, stranger)
    const leaf = await certify('leaf', 'root', {}, stranger)
    expect(await outcome([leaf, fake])).toBe('untrusted-root')
    expect(await outcome([leaf])).toBe('chain')
    const other = await certify('leaf', 'ca', { issuer: [['CN', 'nobody']] })
    expect(await outcome([other])).toBe('untrusted-root')
  })

  const breaks: readonly [string, () => Promise<Certificate[]>, string][] = [
    ['nothing', async () => [], 'chain'],
    [
      'links out of order',
      async () => [await certify('ca', 'root'), await certify('leaf', 'ca')],
      'untrusted-root',
    ],
    ['a missing link', async () => [await certify('leaf', 'ca')], 'untrusted-root'],
    [
      'a link whose names differ',
      async () => [
        await certify('leaf', 'ca', { issuer: [['CN', 'ca2']] }),
        await certify('ca', 'root'),
      ],
      'chain',
    ],
    [
      'a bad signature',
      async () => [await certify('leaf', 'ca', {}, key('leaf')), await certify('ca', 'root')],
      'chain',
    ],
    [
      'an intermediate that is no CA',
      async () => [await certify('leaf', 'ca'), await certify('ca', 'root', { extensions: [] })],
      'chain',
    ],
    [
      'an intermediate that says CA:FALSE',
      async () => [
        await certify('leaf', 'ca'),
        await certify('ca', 'root', { extensions: [basicConstraints(false)] }),
      ],
      'chain',
    ],
    [
      'an intermediate that may not sign certificates',
      async () => [
        await certify('leaf', 'ca'),
        await certify('ca', 'root', { extensions: [basicConstraints(true), keyUsage(0x80)] }),
      ],
      'chain',
    ],
    [
      'a path longer than its CA allows',
      async () => [
        await certify('leaf', 'ca'),
        await certify('ca', 'ca2'),
        await certify('ca2', 'root', { extensions: [basicConstraints(true, 0)] }),
      ],
      'chain',
    ],
    [
      'a leaf that may agree on keys but not sign',
      async () => [await certify('leaf', 'root', { extensions: [keyUsage(0x08)] })],
      'chain',
    ],
    ['a leaf that is a CA', async () => [await certify('ca', 'root')], 'chain'],
    [
      'an unknown critical extension',
      async () => [
        await certify('leaf', 'root', {
          extensions: [{ id: '1.2.3', critical: true, value: int(1) }],
        }),
      ],
      'chain',
    ],
    [
      'a leaf past its end',
      async () => [await certify('leaf', 'root', { notAfter: NOW - 1 })],
      'expired',
    ],
    [
      'a leaf before its start',
      async () => [await certify('leaf', 'root', { notBefore: NOW + 1 })],
      'not-yet-valid',
    ],
    [
      'an intermediate past its end',
      async () => [await certify('leaf', 'ca'), await certify('ca', 'root', { notAfter: NOW - 1 })],
      'expired',
    ],
  ]
  test.each(breaks)('with %s is refused', async (_title, build, code) => {
    expect(await outcome(await build())).toBe(code)
  })

  test('is valid at both ends of its time, to the second', async () => {
    const leaf = await certify('leaf', 'root', { notBefore: NOW, notAfter: NOW })
    expect(await outcome([leaf])).toBe('2 until 0')
  })

  test('under a pinned root that ended is refused', async () => {
    const anchors = [await certify('root', 'root', { notAfter: NOW - 1 })]
    expect(await outcome([await certify('leaf', 'root')], { anchors })).toBe('expired')
  })

  test('may carry critical extensions that the caller evaluates', async () => {
    const leaf = await certify('leaf', 'root', {
      extensions: [{ id: '1.2.3', critical: true, value: int(1) }],
    })
    expect(await outcome([leaf], { evaluates: ['1.2.3'] })).toBe('2 until 100')
  })

  test('of an authority counts path length from the authority itself', async () => {
    const ca = await certify('ca', 'ca2')
    const ca2 = await certify('ca2', 'root', { extensions: [basicConstraints(true, 0)] })
    expect(await outcome([ca2], { leaf: 'authority' })).toBe('2 until 100')
    expect(await outcome([ca, ca2], { leaf: 'authority' })).toBe('chain')
    const leaf = await certify('leaf', 'root')
    expect(await outcome([leaf], { leaf: 'authority' })).toBe('chain')
  })

  test('with any byte of its leaf changed is refused', async () => {
    const root = await certify('root', 'root')
    const { raw } = await certify('leaf', 'root')
    const accepted: number[] = []
    for (let at = 0; at < raw.length; at++) {
      const bytes = raw.slice()
      bytes[at] = (bytes[at] ?? 0) ^ 1
      let result = 'parse'
      try {
        result = await outcome([parseCertificate(bytes)], { anchors: [root] })
      } catch (error) {
        if (!(error instanceof AttestationError)) throw error
      }
      if (/until/.test(result)) accepted.push(at)
    }
    expect(accepted).toEqual([])
  })
})

describe('a revocation list', () => {
  const list = async (change: Partial<Parameters<typeof writeCrl>[0]> = {}, signer = key('root')) =>
    writeCrl(
      {
        issuer: [['CN', 'root']],
        thisUpdate: NOW - 10,
        nextUpdate: NOW + 10,
        number: 3,
        revoked: [128],
        ...change,
      },
      signer,
    )
  const code = async (bytes: Bytes, issuer?: Certificate): Promise<string> => {
    try {
      const options = {
        issuer: issuer ?? (await certify('root', 'root')),
        now: NOW,
        algorithms: ALL,
      }
      return `until ${(await verifyCrl(parseCrl(bytes), options)) - NOW}`
    } catch (error) {
      if (error instanceof AttestationError) return error.code
      throw error
    }
  }

  test('holds within its dates, and lists serials as certificates write them', async () => {
    expect(await code(await list())).toBe('until 10')
    const crl = parseCrl(await list())
    expect(crl.number).toBe(3n)
    const revoked = await certify('leaf', 'root', { serial: 128 })
    expect(() => checkNotRevoked(crl, revoked)).toThrow(AttestationError)
    checkNotRevoked(crl, await certify('leaf', 'root', { serial: 0x8000 }))
  })

  test.each<[string, () => Promise<string>, string]>([
    ['past its next update', async () => code(await list({ nextUpdate: NOW - 1 })), 'crl-expired'],
    ['from the future', async () => code(await list({ thisUpdate: NOW + 1 })), 'crl-expired'],
    [
      'of another issuer',
      async () => code(await list({ issuer: [['CN', 'ca']] })),
      'crl-signature',
    ],
    ['signed by another key', async () => code(await list({}, key('ca2'))), 'crl-signature'],
    [
      'by an issuer that may not sign lists',
      async () =>
        code(
          await list(),
          await certify('root', 'root', { extensions: [basicConstraints(true), keyUsage(0x04)] }),
        ),
      'crl-signature',
    ],
    ['that is empty', async () => code(new Uint8Array()), 'parse'],
    ['above its size', async () => code(new Uint8Array(1_048_577)), 'too-large'],
  ])('%s is refused', async (_title, run, expected) => {
    expect(await run()).toBe(expected)
  })
})

describe('an ECDSA signature', () => {
  const ORDER = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
  const one = new Uint8Array(32)
  one[31] = 1

  test('has both numbers in 1..n-1', () => {
    const below = ORDER.slice()
    below[31] = 0x50
    expect(checkEcdsaRaw(concat(one, below), 'P-256')).toHaveLength(64)
    const zero = new Uint8Array(32)
    for (const [r, s] of [
      [zero, one],
      [one, zero],
      [ORDER, one],
      [one, ORDER],
    ] as const) {
      expect(() => checkEcdsaRaw(concat(r, s), 'P-256')).toThrow(AttestationError)
    }
    expect(() => checkEcdsaRaw(one, 'P-256')).toThrow(AttestationError)
  })

  test('has one DER form', () => {
    expect(ecdsaRawFromDer(ecdsaDer(concat(one, one)), 'P-256')).toEqual(concat(one, one))
    const bad = [
      seq(int(1), int(1), int(1)),
      seq(int(1)),
      seq(fromHex('02020001'), int(1)),
      seq(fromHex('0201ff'), int(1)),
      concat(seq(int(1), int(1)), fromHex('00')),
      seq(int(2n ** 256n), int(1)),
    ]
    for (const der of bad) expect(() => ecdsaRawFromDer(der, 'P-256')).toThrow(AttestationError)
  })
})

describe('PEM', () => {
  test('is blocks, white space and at most one NUL at the end', async () => {
    const { raw } = await certify('leaf', 'root')
    expect(parsePemCertificates(`\n${pem(raw)}\r\n${pem(raw)}\0`, 2)).toHaveLength(2)
    const bad = [
      '',
      'x',
      `x${pem(raw)}`,
      `${pem(raw)}x`,
      `${pem(raw)}\0\0`,
      `${pem(raw)}x${pem(raw)}`,
    ]
    for (const text of [...bad, pem(raw, 'PUBLIC KEY'), pem(raw).replace('MII', 'M!I')]) {
      expect(() => parsePem(text, { label: 'CERTIFICATE', max: 2 })).toThrow(AttestationError)
    }
    const three = pem(raw).repeat(3)
    expect(() => parsePem(three, { label: 'CERTIFICATE', max: 2 })).toThrow(AttestationError)
  })
})
