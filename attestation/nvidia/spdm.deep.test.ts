import { expect, test } from 'vitest'
import { fromUtf8 } from '#base/bytes.ts'
import { forgeNvidia } from '#dev/forge/nvidia.ts'
import { parsePemCertificates } from '../der/pem.ts'
import { AttestationError } from '../errors.ts'
import { NONCE, NOW, random } from '../testing/gpu-verdict.ts'
import { parseSpdmTranscript } from './spdm.ts'
import { verifyTranscript } from './verify-transcript.ts'

test('every single bit of a signed transcript and its signature, flipped, is refused', async () => {
  const forge = await forgeNvidia({ random, now: NOW })
  const [device] = (await forge.evidence({ nonce: NONCE })).devices
  if (device === undefined) throw new Error('no device')
  const chain = parsePemCertificates(fromUtf8(device.certificate), 8)
  const accepted: number[] = []
  for (let bit = 0; bit < device.evidence.length * 8; bit++) {
    const copy = device.evidence.slice()
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    try {
      await verifyTranscript({ chain, transcript: parseSpdmTranscript(copy) })
      accepted.push(bit)
    } catch (error) {
      if (!(error instanceof AttestationError)) throw error
    }
  }
  expect(accepted).toEqual([])
})
