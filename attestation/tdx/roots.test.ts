import { describe, expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import { anchorCertificate } from '../anchors.ts'
import { commonName } from '../der/names.ts'
import { verifySignature } from '../der/signature.ts'
import { INTEL_ROOTS } from './roots.ts'

describe('Intel’s pinned root', () => {
  test('is the published certificate, by its digest', async () => {
    const digests = await Promise.all(
      INTEL_ROOTS.map(async (der) =>
        hex(new Uint8Array(await crypto.subtle.digest('SHA-256', der))),
      ),
    )
    expect(digests).toEqual(['44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3'])
  })

  test('is signed by itself and may certify', async () => {
    for (const certificate of INTEL_ROOTS.map(anchorCertificate)) {
      expect(commonName(certificate.subject)).toBe('Intel SGX Root CA')
      expect(certificate.ca).toBeDefined()
      const { key, algorithm, tbs, signature } = certificate
      expect(await verifySignature(key, algorithm, tbs, signature)).toBe(true)
    }
  })
})
