import { expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import { anchorCertificate } from '../anchors.ts'
import { commonName } from '../der/names.ts'
import { verifySignature } from '../der/signature.ts'
import { NVIDIA_DEVICE_ROOTS, NVIDIA_RIM_ROOTS } from './roots.ts'

test.each([
  [
    'NVIDIA Device Identity CA',
    NVIDIA_DEVICE_ROOTS,
    'a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4',
  ],
  [
    'NVIDIA CoRIM signing Root CA',
    NVIDIA_RIM_ROOTS,
    'dec1dc316477aa851eebdf51327ae9f864bc8d89254657ed1e7eb9168af1e1a3',
  ],
])('%s is the published key, and signed itself', async (name, roots, spki) => {
  const certificates = roots.map(anchorCertificate)
  expect(certificates.map(({ subject }) => commonName(subject))).toEqual([name])
  for (const { key, algorithm, tbs, signature } of certificates) {
    expect(hex(new Uint8Array(await crypto.subtle.digest('SHA-256', key.spki)))).toBe(spki)
    expect(await verifySignature(key, algorithm, tbs, signature)).toBe(true)
  }
})
