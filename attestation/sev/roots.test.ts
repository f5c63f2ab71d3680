import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { anchorCertificate } from '../anchors.ts'
import { verifyChain } from '../der/chain.ts'
import { commonName } from '../der/names.ts'
import { AMD_ROOTS } from './roots.ts'

const NOW = unixSeconds(1_764_000_000)

describe('the pinned AMD roots', () => {
  test('are the certificates whose digests stand beside them', async () => {
    const source = await readFile(join(import.meta.dirname, 'roots.ts'), 'utf8')
    for (const { ark, ask, asvk } of AMD_ROOTS) {
      for (const der of [ark, ask, asvk]) {
        if (der === undefined) throw new Error('incomplete root')
        const digest = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', der)))
        expect(source).toContain(`/** SHA-256 ${digest} */`)
      }
    }
  })

  test.each(AMD_ROOTS.map((root) => [root.product, root] as const))(
    '%s: both authorities verify under the root, with the names of the product',
    async (product, { ark, ask, asvk }) => {
      expect(commonName(anchorCertificate(ark).subject)).toBe(`ARK-${product}`)
      for (const [der, name] of [
        [ask, `SEV-${product}`],
        [asvk, `SEV-VLEK-${product}`],
      ] as const) {
        if (der === undefined) throw new Error('incomplete root')
        const authority = anchorCertificate(der)
        expect(commonName(authority.subject)).toBe(name)
        const { path } = await verifyChain([authority], {
          anchors: [anchorCertificate(ark)],
          now: NOW,
          algorithms: ['rsa-pss-sha384'],
          leaf: 'authority',
        })
        expect(path).toHaveLength(2)
        expect(authority.key).toMatchObject({ kind: 'rsa', bits: 4096 })
      }
    },
  )
})
