import { describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { forgedVcekName } from '#dev/forge/amd.ts'
import { tcbBytes } from '#dev/forge/amd-report.ts'
import { octets } from '#dev/forge/der.ts'
import type { SevProduct } from '../anchors.ts'
import { parseSevEvidence } from './evidence.ts'
import type { SevPolicy } from './policy.ts'
import { proveSev } from './prove.ts'
import {
  ANY,
  type Case,
  crlEntry,
  failuresOf,
  forgeOf,
  hostsTable,
  NO_ASK,
  NOW,
  useForges,
} from './testing/judge-sev.ts'

useForges()

describe('good evidence', () => {
  const kinds = ['vcek', 'vlek'] as const
  const versions = [2, 3, 5]
  const rows = (['Milan', 'Genoa', 'Turin'] as const).flatMap((product) =>
    kinds.flatMap((kind) => versions.map((version) => ({ product, kind, version }))),
  )

  test.each(rows.filter(({ product, version }) => product !== 'Turin' || version > 2))(
    '$product $kind, report version $version: every check passes',
    async ({ product, kind, version }) => {
      // Version 2 shows neither the alias check nor the silicon: a policy that takes it must say so.
      const floors = { Milan: ANY, Genoa: ANY }
      const policy: Partial<SevPolicy> = version === 2 ? { demandedPlatform: [], floors } : {}
      expect(await failuresOf({ product, kind, report: { version }, policy })).toEqual([])
    },
  )

  test('a version 4 report passes where a policy lists it', async () => {
    const report = { version: 4 }
    expect(await failuresOf({ report })).toEqual(['sev.version version'])
    expect(await failuresOf({ report, policy: { versions: [4] } })).toEqual([])
  })

  test('every SPL up to 255 is read, with its leading zero octet', async () => {
    const tcb = { fmc: 0, bl: 128, tee: 200, snp: 255, ucode: 255 }
    expect(await failuresOf({ report: { tcb }, vek: { tcb } })).toEqual([])
  })

  test.each(['Genoa', 'Genoa-B1'])('productName %s names Genoa', async (productName) => {
    expect(await failuresOf({ vek: { productName } })).toEqual([])
  })

  test('the chip id may be bare or an OCTET STRING', async () => {
    const wrap = (product: SevProduct, value: (hwid: Bytes) => Bytes): Case => ({
      product,
      vek: {
        extensions: (fields) =>
          fields.map((field) =>
            field.id.endsWith('3704.1.4')
              ? { ...field, value: value(forgeOf(product).hwid) }
              : field,
          ),
      },
    })
    expect(await failuresOf(wrap('Genoa', (hwid) => octets(hwid)))).toEqual([])
    expect(await failuresOf(wrap('Genoa', (hwid) => hwid))).toEqual([])
    expect(await failuresOf(wrap('Turin', (hwid) => octets(hwid)))).toEqual([])
    expect(await failuresOf(wrap('Turin', (hwid) => hwid))).toEqual([])
  })

  test('the VCEK may come as collateral, named by chip and reported TCB', async () => {
    const forge = forgeOf('Genoa')
    const name = forgedVcekName(forge, tcbBytes(forge.tcb, 'Genoa'))
    const body = await forge.vek()
    const entry = { name, body, headers: {}, fetchedAt: unixSeconds(NOW) }
    expect(await failuresOf({ withoutVek: true, collateral: [entry] })).toEqual([])
    expect(await failuresOf({ withoutVek: true })).toEqual(['sev.vek-present collateral-missing'])
  })

  test.each(['vcek', 'vlek'] as const)(
    'of a host’s table with a certificate of each kind, the one of the key that signed is taken: %s',
    async (kind) => {
      expect(await failuresOf({ kind, table: await hostsTable('vcek', 'vlek') })).toEqual([])
    },
  )

  test('a VCEK that the host’s table lacks is looked for as collateral, whatever else is there', async () => {
    const table = await hostsTable('vlek')
    expect(await failuresOf({ table })).toEqual(['sev.vek-present collateral-missing'])
  })

  test('an intermediate that is not pinned may travel, if it verifies under the pinned root', async () => {
    const forge = forgeOf('Genoa')
    const { ask: _, ...root } = forge.root
    const chain = forge.root.ask === undefined ? [] : [forge.root.ask]
    expect(root.ark).toBeDefined()
    expect(await failuresOf({ root: NO_ASK, chain })).toEqual([])
    expect(await failuresOf({ root: NO_ASK })).toEqual(['sev.vek-chain chain'])
  })

  test('the sister signature r, n - s is valid too: reports are not their own identifier', async () => {
    const order =
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n
    const tamper = (report: Bytes): void => {
      const s = report.slice(0x2e8, 0x318).reverse()
      const value = s.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
      let rest = order - value
      for (let at = 0x2e8; at < 0x318; at++, rest /= 256n) report[at] = Number(rest % 256n)
    }
    expect(await failuresOf({ report: { tamper } })).toEqual([])
  })
})

describe('a proof ends', () => {
  test('with the first of certificate and revocation list to end', async () => {
    const forge = forgeOf('Genoa')
    const proofOf = async (notAfter: number, nextUpdate: number) => {
      const evidence = parseSevEvidence({
        report: await forge.report(),
        vek: await forge.vek({ fields: { notAfter } }),
      })
      const collateral = await crlEntry(forge, 'vcek', { nextUpdate })
      const now = unixSeconds(NOW)
      const proof = await proveSev({ evidence, collateral, now, anchors: [forge.root] })
      return proof.proven ? proof.validUntil : undefined
    }
    expect(await proofOf(NOW + 50, NOW + 60)).toBe(NOW + 50)
    expect(await proofOf(NOW + 60, NOW + 50)).toBe(NOW + 50)
  })
})
