import { beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { makeSigner, type Signer, seq } from '#dev/forge/der.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { FORGED_SERIALS, intelName } from '#dev/forge/intel-certificates.ts'
import { type Case, entryOf, NOW, outcomeOf, random, tdxForge } from './testing/judge.ts'

let forge: IntelForge
let stranger: Signer

beforeAll(async () => {
  forge = await tdxForge()
  stranger = await makeSigner('ecdsa-p256-sha256')
})

const outcome = (item: Case): Promise<string[]> => outcomeOf(forge, item)

describe('revocation', () => {
  const ROOT = 'intel/crl/root'
  const PCK = 'intel/crl/platform'
  type Options = NonNullable<Parameters<IntelForge['crl']>[0]>
  const rows: readonly (readonly [
    title: string,
    name: string,
    crl: () => Options | undefined,
    failure: string,
  ])[] = [
    ['no root list', ROOT, () => undefined, 'tdx.root-crl crl-missing'],
    ['no PCK list', PCK, () => undefined, 'tdx.pck-crl crl-missing'],
    [
      'a root list by a stranger',
      ROOT,
      () => ({ of: 'root', signer: stranger }),
      'tdx.root-crl crl-signature',
    ],
    ['a PCK list by a stranger', PCK, () => ({ signer: stranger }), 'tdx.pck-crl crl-signature'],
    ['a PCK list by the root', PCK, () => ({ of: 'root' }), 'tdx.pck-crl crl-signature'],
    [
      'the other authority’s list',
      PCK,
      () => ({ issuer: intelName('Intel SGX PCK Processor CA') }),
      'tdx.pck-crl crl-signature',
    ],
    [
      'a root list from the future',
      ROOT,
      () => ({ of: 'root', thisUpdate: NOW + 1 }),
      'tdx.root-crl crl-expired',
    ],
    [
      'a root list past its end',
      ROOT,
      () => ({ of: 'root', nextUpdate: NOW - 1 }),
      'tdx.root-crl crl-expired',
    ],
    ['a PCK list from the future', PCK, () => ({ thisUpdate: NOW + 1 }), 'tdx.pck-crl crl-expired'],
    ['a PCK list past its end', PCK, () => ({ nextUpdate: NOW - 1 }), 'tdx.pck-crl crl-expired'],
    [
      'a revoked PCK',
      PCK,
      () => ({ revoked: [9, FORGED_SERIALS.pck] }),
      'tdx.not-revoked revocation',
    ],
    [
      'a revoked authority',
      ROOT,
      () => ({ of: 'root', revoked: [FORGED_SERIALS.authority] }),
      'tdx.not-revoked revocation',
    ],
    [
      'a revoked TCB signer',
      ROOT,
      () => ({ of: 'root', revoked: [FORGED_SERIALS.tcbSigning] }),
      'tdx.tcb-signer-not-revoked revocation',
    ],
    [
      'an indirect list',
      PCK,
      () => ({ extensions: [{ id: '2.5.29.28', critical: true, value: seq() }] }),
      'tdx.pck-crl crl-signature',
    ],
  ]
  test.each(rows)('%s is refused', async (_title, name, crl, failure) => {
    const options = crl()
    const entry = options === undefined ? undefined : entryOf(name, await forge.crl(options))
    expect(await outcome({ collateral: { [name]: entry } })).toEqual([failure])
  })

  test('a list that is none is refused', async () => {
    for (const bytes of [new Uint8Array(), random(40), utf8('3082'), utf8('zz')]) {
      const failures = await outcome({ collateral: { [PCK]: entryOf(PCK, bytes) } })
      expect(failures).toEqual(['tdx.pck-crl parse'])
    }
  })
})
