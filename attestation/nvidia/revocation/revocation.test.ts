import { beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { type CrlFields, type ExtensionFields, oid, type Signer, seq } from '#dev/forge/der.ts'
import { forgeNvidia, type NvidiaForge } from '#dev/forge/nvidia.ts'
import { forgedOcspName } from '#dev/forge/nvidia-good.ts'
import { type AuthorityName, revocable } from '#dev/forge/nvidia-machine.ts'
import type { OcspFields } from '#dev/forge/nvidia-ocsp.ts'
import { certify, type Forged, nvidiaName } from '#dev/forge/nvidia-pki.ts'
import type { Check } from '../../checks.ts'
import type { Collateral, CollateralEntry } from '../../collateral/entry.ts'
import {
  entry,
  failed,
  NONCE,
  NOW,
  random,
  verdictOf,
  withEntries,
} from '../../testing/gpu-verdict.ts'
import type { NvidiaPolicy } from '../policy.ts'

const HOUR = 3_600
const DAY = 86_400

let forge: NvidiaForge
let collateral: Collateral

beforeAll(async () => {
  forge = await forgeNvidia({ random, now: NOW })
  collateral = await forge.collateral()
})

async function checksOf(
  entries: readonly CollateralEntry[],
  options: { policy?: Partial<NvidiaPolicy>; without?: readonly string[]; now?: number } = {},
): Promise<readonly Check[]> {
  const evidence = await forge.evidence({ nonce: NONCE })
  const given = withEntries(collateral, entries, options.without)
  return (await verdictOf(forge, evidence, given, options)).checks
}

/** The provisioner's certificate: the one that the rows give another answer about. */
const subject = () => {
  return { certificate: forge.authorities.provisioner, issuer: forge.authorities.identity }
}

async function answer(fields: Partial<OcspFields>): Promise<CollateralEntry> {
  const { certificate, issuer } = subject()
  return entry(forgedOcspName(certificate, issuer), await forge.ocsp(subject(), fields))
}

async function failuresOf(fields: Partial<OcspFields>, policy?: Partial<NvidiaPolicy>) {
  return failed(await checksOf([await answer(fields)], policy === undefined ? {} : { policy }))
}

async function delegate(
  extensions: readonly ExtensionFields[],
  issuer = forge.authorities.identity,
  fields: { readonly years?: number; readonly now?: number } = {},
): Promise<Forged> {
  const name = nvidiaName('NVIDIA OCSP Responder')
  return certify(
    { subject: name, ca: false, now: NOW, years: 1, extensions, ...fields },
    issuer,
    random,
  )
}

const OCSP_SIGNING: ExtensionFields = { id: '2.5.29.37', value: seq(oid('1.3.6.1.5.5.7.3.9')) }
const SERVER_AUTH: ExtensionFields = { id: '2.5.29.37', value: seq(oid('1.3.6.1.5.5.7.3.1')) }

describe('what a responder says', () => {
  test.each([
    ['revoked', 'gpu.revocation revocation'],
    ['hold', 'gpu.revocation revocation'],
    ['unknown', 'gpu.revocation ocsp'],
  ] as const)('%s is refused', async (status, expected) => {
    expect(await failuresOf({ status })).toEqual([expected])
  })

  test('a hold passes only where the policy takes engineering parts', async () => {
    expect(await failuresOf({ status: 'hold' }, { allowCertificateHold: true })).toEqual([])
    expect(await failuresOf({ status: 'revoked' }, { allowCertificateHold: true })).toEqual([
      'gpu.revocation revocation',
    ])
  })

  test('a revocation is refused even where the policy needs no answers', async () => {
    expect(await failuresOf({ status: 'revoked' }, { revocation: 'unchecked' })).toEqual([
      'gpu.revocation revocation',
    ])
    const checks = await checksOf([await answer({ status: 'unknown' })], {
      policy: { revocation: 'unchecked' },
    })
    expect(checks.find(({ id }) => id === 'gpu.revocation')?.status).toBe('skip')
  })

  test.each([
    ['past its next update', { thisUpdate: NOW - 3 * HOUR, nextUpdate: NOW - 1 }],
    ['from the future', { thisUpdate: NOW + 1, nextUpdate: NOW + DAY }],
    ['older than the policy’s day', { thisUpdate: NOW - DAY - 1, nextUpdate: NOW + DAY }],
  ])('an answer %s is refused', async (_, fields) => {
    expect(await failuresOf(fields)).toEqual(['gpu.revocation ocsp'])
  })

  test('an answer at the very ends of its dates is taken', async () => {
    expect(await failuresOf({ thisUpdate: NOW, nextUpdate: NOW })).toEqual([])
  })

  test('a verdict ends with the first answer that ends', async () => {
    const evidence = await forge.evidence({ nonce: NONCE })
    const short = await answer({ nextUpdate: NOW + 60 })
    const outcome = await verdictOf(forge, evidence, withEntries(collateral, [short]))
    expect(outcome).toMatchObject({ proven: true, validUntil: NOW + 60 })
  })

  test.each(['SHA-1', 'SHA-256', 'SHA-384'] as const)(
    'certificate ids by %s are understood',
    async (hash) => {
      expect(await failuresOf({ hash })).toEqual([])
    },
  )
})

describe('every certificate needs an answer', () => {
  const names = ['BROM', 'provisioner', 'family', 'RIM signer', 'RIM L3', 'RIM CA']
  test.each(names.map((name, i) => [name, i] as const))('the %s', async (_, index) => {
    const needed = revocable(forge.devices, forge.authorities).filter(
      ({ certificate }) => certificate !== forge.authorities.switchProvisioner,
    )
    const item = needed[index]
    if (item === undefined) throw new Error('no certificate')
    const name = forgedOcspName(item.certificate, item.issuer)
    expect(collateral.has(name)).toBe(true)
    expect(failed(await checksOf([], { without: [name] }))).toEqual(['gpu.revocation ocsp'])
    const revoked = entry(name, await forge.ocsp(item, { status: 'revoked' }))
    expect(failed(await checksOf([revoked]))).toEqual(['gpu.revocation revocation'])
  })
})

describe('an answer that is not the issuer’s', () => {
  const refused = ['gpu.revocation-answers ocsp']

  test('is refused: about another certificate', async () => {
    expect(await failuresOf({ serial: 1n })).toEqual(refused)
  })

  test('is refused: about a certificate of another issuer', async () => {
    const { deviceRoot, identity } = forge.authorities
    const fields = { issuer: deviceRoot, responder: identity }
    expect(await failuresOf(fields)).toEqual(refused)
  })

  test('is refused: signed by a stranger, or by a sibling authority', async () => {
    const stranger = await forgeNvidia({ random, now: NOW })
    expect(await failuresOf({ signer: stranger.authorities.identity.signer })).toEqual(refused)
    expect(await failuresOf({ responder: stranger.authorities.identity })).toEqual(refused)
    expect(await failuresOf({ responder: forge.authorities.rimCa })).toEqual(refused)
  })

  test.each([1, 2, 3, 5, 6])('is refused: response status %i without a body', async (status) => {
    expect(await failuresOf({ responseStatus: status })).toEqual(refused)
  })

  test('is refused: not DER at all', async () => {
    const { certificate, issuer } = subject()
    const junk = entry(forgedOcspName(certificate, issuer), utf8('<html>'))
    expect(failed(await checksOf([junk]))).toEqual(refused)
  })
})

describe('a delegate of the issuer', () => {
  const sent = (responder: Forged): Partial<OcspFields> => {
    return { responder, certificates: [responder.der] }
  }

  test('certified for OCSP may answer, named by name or by key', async () => {
    const responder = await delegate([OCSP_SIGNING])
    expect(await failuresOf(sent(responder))).toEqual([])
    expect(await failuresOf({ ...sent(responder), by: 'key' })).toEqual([])
    expect(await failuresOf({ by: 'key' })).toEqual([])
  })

  const refused = ['gpu.revocation-answers ocsp']

  test('that did not come along cannot be found', async () => {
    expect(await failuresOf({ responder: await delegate([OCSP_SIGNING]) })).toEqual(refused)
  })

  test('without the OCSP usage, or with another, may not', async () => {
    expect(await failuresOf(sent(await delegate([])))).toEqual(refused)
    expect(await failuresOf(sent(await delegate([SERVER_AUTH])))).toEqual(refused)
  })

  test('of another authority of the same root may not', async () => {
    const { deviceRoot, provisioner } = forge.authorities
    expect(await failuresOf(sent(await delegate([OCSP_SIGNING], deviceRoot)))).toEqual(refused)
    expect(await failuresOf(sent(await delegate([OCSP_SIGNING], provisioner)))).toEqual(refused)
  })

  test('ends the verdict with itself, however long its answer speaks', async () => {
    const soon = await delegate([OCSP_SIGNING], forge.authorities.identity, {
      now: NOW - 31_536_000 + HOUR,
    })
    const evidence = await forge.evidence({ nonce: NONCE })
    const given = withEntries(collateral, [await answer(sent(soon))])
    const outcome = await verdictOf(forge, evidence, given)
    expect(failed(outcome.checks)).toEqual([])
    expect(outcome).toMatchObject({ proven: true, validUntil: NOW + HOUR })
  })

  test('that has ended may not', async () => {
    const old = await delegate([OCSP_SIGNING], forge.authorities.identity, {
      now: NOW - 3 * 31_536_000,
    })
    expect(await failuresOf(sent(old))).toEqual(refused)
  })
})

describe('revocation lists beside OCSP', () => {
  const both: Partial<NvidiaPolicy> = { revocationSources: ['ocsp', 'crl'] }

  async function list(
    issuer: AuthorityName,
    fields: Partial<CrlFields> & { readonly signer?: Signer } = {},
  ): Promise<CollateralEntry> {
    const label = encodeURIComponent(forge.authorities[issuer].subject.at(-1)?.[1] ?? '')
    return entry(`nvidia/crl/${label}`, await forge.crl(issuer, fields))
  }

  const withoutOcsp = () => {
    const { certificate, issuer } = subject()
    return [forgedOcspName(certificate, issuer)]
  }

  test('stand in for a missing answer where the policy says so, and only there', async () => {
    const entries = [await list('identity')]
    const without = withoutOcsp()
    expect(failed(await checksOf(entries, { without, policy: both }))).toEqual([])
    expect(failed(await checksOf(entries, { without }))).toEqual(['gpu.revocation ocsp'])
  })

  test('speak until their next update, however old they are', async () => {
    const entries = [await list('identity', { thisUpdate: NOW - 100 * DAY })]
    const without = withoutOcsp()
    expect(failed(await checksOf(entries, { without, policy: both }))).toEqual([])
  })

  test('count against a certificate whatever the policy says', async () => {
    const { serial } = forge.authorities.provisioner
    const entries = [await list('identity', { revoked: [serial] })]
    expect(failed(await checksOf(entries))).toEqual(['gpu.revocation revocation'])
    expect(failed(await checksOf(entries, { policy: both }))).toEqual(['gpu.revocation revocation'])
  })

  test('that ended, or that another signed, do not count', async () => {
    const without = withoutOcsp()
    const ended = [await list('identity', { nextUpdate: NOW - 1 })]
    expect(failed(await checksOf(ended, { without, policy: both }))).toEqual([
      'gpu.revocation ocsp',
    ])
    const foreign = [await list('identity', { signer: forge.authorities.deviceRoot.signer })]
    expect(failed(await checksOf(foreign, { without, policy: both }))).toEqual([
      'gpu.revocation-answers crl-signature',
    ])
  })
})
