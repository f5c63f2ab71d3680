import { beforeAll, describe, expect, test } from 'vitest'
import { type Bytes, fromUtf8, hex, utf8 } from '#base/bytes.ts'
import { type DeviceOverrides, forgeNvidia, type NvidiaForge } from '#dev/forge/nvidia.ts'
import { u16 } from '#dev/forge/nvidia-spdm.ts'
import type { Collateral } from '../collateral/entry.ts'
import { parsePemCertificates } from '../der/pem.ts'
import { AttestationError } from '../errors.ts'
import { failed, NONCE, NOW, random, verdictOf } from '../testing/gpu-verdict.ts'
import { parseSpdmTranscript } from './spdm.ts'
import { verifyTranscript } from './verify-transcript.ts'

let forge: NvidiaForge
let collateral: Collateral

beforeAll(async () => {
  forge = await forgeNvidia({ random, now: NOW })
  collateral = await forge.collateral()
})

async function failuresOf(device: DeviceOverrides): Promise<string[]> {
  const evidence = await forge.evidence({ nonce: NONCE, device: () => device })
  return failed((await verdictOf(forge, evidence, collateral)).checks)
}

const opaque = (fields: Readonly<Record<number, Uint8Array | undefined>>): DeviceOverrides => {
  return { opaque: fields }
}

describe('malformed evidence', () => {
  const edited = (at: number, bytes: readonly number[]): DeviceOverrides => ({
    transcript: {
      edit: (signed) => {
        const copy = signed.slice()
        copy.set(bytes, at)
        return copy
      },
    },
  })
  const opaqueAt = 45 + 64 * 55 + 32

  test.each<[string, DeviceOverrides]>([
    ['SPDM 1.0 request', edited(0, [0x10])],
    ['SPDM 1.2 request', edited(0, [0x12])],
    ['another request', edited(1, [0xe1])],
    ['no signature requested', edited(2, [0])],
    ['not all blocks requested', edited(3, [0xfe])],
    ['another slot', edited(36, [1])],
    ['another response version', edited(37, [0x12])],
    ['another response', edited(38, [0x61])],
    ['63 blocks', edited(41, [63])],
    ['65 blocks', edited(41, [65])],
    ['255 blocks', edited(41, [255])],
    ['a record length too short', edited(42, [0xbf])],
    ['a record length too long', edited(42, [0xc1])],
    ['a block index twice', edited(45 + 55, [1])],
    ['another measurement specification', edited(46, [2])],
    ['a block size that is not the value size plus three', edited(47, [52])],
    ['another measurement type', edited(49, [2])],
    ['a value of 47 bytes', edited(47, [50, 0, 1, 47])],
    ['an opaque length too short', edited(opaqueAt, [1, 0])],
    ['an opaque length past the end', edited(opaqueAt, [0xff, 0xff])],
    ['a field twice', duplicateField()],
    ['a field past the end', edited(opaqueAt + 4, [0xff, 0xff])],
    ['a driver version with other characters', opaque({ 3: utf8('595/../0\0') })],
    ['a VBIOS of another form', opaque({ 6: utf8('96.00') })],
    ['a label with a separator', opaque({ 17: utf8('10_10\0') })],
    ['a short FWID', opaque({ 20: new Uint8Array(47) })],
  ])('%s is refused as such', async (_, item) => {
    expect(await failuresOf(item)).toEqual(['gpu.form parse'])
  })

  /** The last field (type 4096) becomes a second one of type 36. */
  function duplicateField(): DeviceOverrides {
    const edit = (signed: Bytes): Bytes => {
      const copy = signed.slice()
      copy.set(u16(36), copy.length - 6)
      return copy
    }
    return { opaque: { 4096: u16(0) }, transcript: { edit } }
  }

  test('no device, or too many, are refused', async () => {
    const evidence = await forge.evidence({ nonce: NONCE })
    const none = await verdictOf(forge, { arch: 'HOPPER', devices: [] }, collateral)
    expect(failed(none.checks)).toEqual(['gpu.form parse'])
    const [device] = evidence.devices
    const many = Array.from({ length: 17 }, () => device).filter((one) => one !== undefined)
    const crowd = await verdictOf(forge, { arch: 'HOPPER', devices: many }, collateral)
    expect(failed(crowd.checks)).toEqual(['gpu.form too-large'])
  })

  test('evidence that does not name its driver cannot be judged', async () => {
    expect(await failuresOf(opaque({ 3: undefined }))).toEqual(['rim.document rim-missing'])
    expect(await failuresOf(opaque({ 6: undefined }))).toEqual(['rim.document rim-missing'])
  })
})

describe('a signed transcript', () => {
  async function transcript(): Promise<{
    bytes: Bytes
    chain: ReturnType<typeof parsePemCertificates>
  }> {
    const [device] = (await forge.evidence({ nonce: NONCE })).devices
    if (device === undefined) throw new Error('no device')
    const chain = parsePemCertificates(fromUtf8(device.certificate), 8)
    return { bytes: device.evidence, chain }
  }

  async function codeOf(
    bytes: Bytes,
    chain: ReturnType<typeof parsePemCertificates>,
  ): Promise<string> {
    try {
      await verifyTranscript({ chain, transcript: parseSpdmTranscript(bytes) })
      return 'accepted'
    } catch (error) {
      if (error instanceof AttestationError) return error.code
      throw error
    }
  }

  // One bit of every byte, another one from byte to byte; the deep test flips all of them.
  test('with a bit flipped in any byte, signature included, is refused', async () => {
    const { bytes, chain } = await transcript()
    expect(await codeOf(bytes, chain)).toBe('accepted')
    const flips = Array.from({ length: bytes.length }, async (_, at) => {
      const copy = bytes.slice()
      copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8))
      return codeOf(copy, chain)
    })
    const outcomes = await Promise.all(flips)
    expect(outcomes.filter((code) => code !== 'parse' && code !== 'signature')).toEqual([])
  })

  test('cut anywhere is refused, and says what it holds when whole', async () => {
    const { bytes } = await transcript()
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => parseSpdmTranscript(bytes.slice(0, length))).toThrow(AttestationError)
    }
    const parsed = parseSpdmTranscript(bytes)
    expect(hex(parsed.requestNonce)).toBe(hex(NONCE))
    expect(parsed.measurements).toHaveLength(64)
    expect(parsed.opaque).toMatchObject({ driver: '595.71.05', vbios: '96.00.9F.00.04' })
  })
})
