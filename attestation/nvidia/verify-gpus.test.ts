import { beforeAll, describe, expect, test } from 'vitest'
import { type Bytes, concat, fromHex } from '#base/bytes.ts'
import { makeSigner } from '#dev/forge/der.ts'
import { type DeviceOverrides, forgeNvidia, type NvidiaForge } from '#dev/forge/nvidia.ts'
import { FORGED_VERSIONS, type RimKind } from '#dev/forge/nvidia-good.ts'
import { deviceChain, forgeLeaf } from '#dev/forge/nvidia-machine.ts'
import { certify, nvidiaName, tcbInfo } from '#dev/forge/nvidia-pki.ts'
import { type RimFields, rimAnswer } from '#dev/forge/nvidia-rim.ts'
import { u16 } from '#dev/forge/nvidia-spdm.ts'
import type { Check } from '../checks.ts'
import type { Collateral } from '../collateral/entry.ts'
import {
  entry,
  failed,
  NONCE,
  NOW,
  random,
  verdictOf,
  withEntries,
} from '../testing/gpu-verdict.ts'
import { NVIDIA_CHECKS } from './checks.ts'
import type { NvidiaPolicy } from './policy.ts'

let forge: NvidiaForge
let stranger: NvidiaForge
let collateral: Collateral

beforeAll(async () => {
  forge = await forgeNvidia({ random, now: NOW })
  stranger = await forgeNvidia({ random, now: NOW })
  collateral = await forge.collateral()
})

/** One good machine with one thing changed. */
interface Case {
  readonly device?: DeviceOverrides
  readonly arch?: string
  readonly nonce?: Bytes
  readonly now?: number
  readonly policy?: Partial<NvidiaPolicy>
  readonly rim?: Partial<Record<RimKind, Partial<RimFields>>>
  readonly without?: readonly string[]
  readonly anchors?: Partial<NvidiaForge['anchors']>
}

async function checksOf(item: Case): Promise<readonly Check[]> {
  const evidence = await forge.evidence({
    nonce: NONCE,
    ...(item.arch === undefined ? {} : { arch: item.arch }),
    device: () => item.device ?? {},
  })
  const rims = Object.entries(item.rim ?? {}).map(async ([name, fields]) => {
    const kind = name === 'driver' ? 'driver' : 'vbios'
    const id = forge.rimId(kind)
    return entry(`nvidia/rim/${id}`, await rimAnswer(id, await forge.rim(kind, fields)))
  })
  const given = withEntries(collateral, await Promise.all(rims), item.without)
  return (await verdictOf(forge, evidence, given, item)).checks
}

async function failuresOf(item: Case): Promise<string[]> {
  return failed(await checksOf(item))
}

const opaque = (fields: Readonly<Record<number, Uint8Array | undefined>>): Case => {
  return { device: { opaque: fields } }
}

describe('good evidence', () => {
  test('passes every check that applies, and nothing else is skipped', async () => {
    const checks = await checksOf({})
    expect(failed(checks)).toEqual([])
    const skipped = checks.filter(({ status }) => status === 'skip').map(({ id }) => id)
    expect(skipped).toEqual(['gpu.fabric'])
    expect(new Set(checks.map(({ id }) => id))).toEqual(new Set(Object.keys(NVIDIA_CHECKS)))
  })

  test('says what the GPU is, and until when that holds', async () => {
    const evidence = await forge.evidence({ nonce: NONCE })
    const outcome = await verdictOf(forge, evidence, collateral)
    const [device] = forge.devices
    expect(outcome).toMatchObject({
      proven: true,
      summary: {
        count: 1,
        gpus: [
          {
            hardware: `nvidia:${device?.leaf.serial}`,
            model: 'GH100 A01 GSP BROM',
            driver: FORGED_VERSIONS.driver,
            vbios: FORGED_VERSIONS.vbios,
          },
        ],
      },
      // The OCSP answers end first.
      validUntil: NOW + 23 * 3600,
    })
  })

  test('of a Blackwell GPU: its FWID stands in DICE TcbInfo, its driver manifest has another id', async () => {
    const [device] = forge.devices
    if (device === undefined) throw new Error('no device')
    const { provisioner, identity, deviceRoot } = forge.authorities
    const bootRom = await certify(
      { subject: nvidiaName('GB100 A01 GSP BROM'), ca: true, now: NOW },
      provisioner,
      random,
    )
    const leaf = await certify(
      {
        subject: nvidiaName('GB100 A01 GSP FMC LF'),
        ca: false,
        now: NOW,
        extensions: [tcbInfo(fromHex('5a'.repeat(48)))],
      },
      bootRom,
      random,
    )
    const chain = [leaf, bootRom, provisioner, identity, deviceRoot].map(({ der }) => der)
    const id = `NV_GPU_CC_DRIVER_GB100_${FORGED_VERSIONS.driver}`
    const driver = await rimAnswer(id, await forge.rim('driver', { product: 'GB100' }))
    const vbiosId = forge.rimId('vbios')
    const vbios = await rimAnswer(vbiosId, await forge.rim('vbios', { product: 'GB100' }))
    const ocsp = await forge.ocsp({ certificate: bootRom, issuer: provisioner })
    const serial = bootRom.serial.toString(16).padStart(32, '0')
    const evidence = await forge.evidence({
      nonce: NONCE,
      arch: 'BLACKWELL',
      device: () => ({ chain, transcript: { signer: leaf.signer } }),
    })
    const given = withEntries(collateral, [
      entry(`nvidia/rim/${id}`, driver),
      entry(`nvidia/rim/${vbiosId}`, vbios),
      entry(`nvidia/ocsp/NVIDIA%20GH100%20Provisioner%20ICA%201/${serial}`, ocsp),
    ])
    const outcome = await verdictOf(forge, evidence, given)
    expect(failed(outcome.checks)).toEqual([])
  })
})

describe('one field altered fails exactly that check', () => {
  const rows: readonly (readonly [string, Case, string])[] = [
    ['evidence over another nonce', { nonce: new Uint8Array(32) }, 'gpu.nonce nonce'],
    [
      'our nonce as the RESPONSE nonce only',
      { device: { transcript: { nonce: new Uint8Array(32), responseNonce: NONCE } } },
      'gpu.nonce nonce',
    ],
    ['evidence under another architecture’s name', { arch: 'BLACKWELL' }, 'gpu.arch gpu-arch'],
    [
      'running firmware that is not certified',
      opaque({ 20: fromHex('5b'.repeat(48)) }),
      'gpu.fwid fwid',
    ],
    ['no FWID at all', opaque({ 20: undefined }), 'gpu.fwid-present fwid'],
    [
      'a byte after the transcript',
      { device: { transcript: { tamper: (whole) => concat(whole, Uint8Array.of(0)) } } },
      'gpu.trailing-data trailing-data',
    ],
    [
      'an architecture that the policy does not list',
      { policy: { architectures: ['BLACKWELL'] } },
      'gpu.architecture gpu-arch',
    ],
    [
      'a driver below the floor',
      { policy: { driverFloors: { HOPPER: '595.71.06' } } },
      'gpu.driver-floor gpu-driver',
    ],
    [
      'an architecture without a floor',
      { policy: { driverFloors: {} } },
      'gpu.driver-floor gpu-driver',
    ],
    [
      'a denied driver',
      { policy: { deniedDrivers: ['595.71.05'] } },
      'gpu.driver-denied gpu-driver',
    ],
    [
      'a VBIOS below the floor, compared as hex',
      { policy: { vbiosFloors: { HOPPER: '96.00.A0.00.00' } } },
      'gpu.vbios-floor gpu-vbios',
    ],
    [
      'a mode that the policy does not list',
      { policy: { features: ['PPCIE'] } },
      'gpu.feature gpu-feature',
    ],
    [
      'an unknown mode',
      { ...opaque({ 36: u16(3) }), policy: { fabric: 'unchecked' } },
      'gpu.feature gpu-feature',
    ],
    ['no mode where its format has one', opaque({ 36: undefined }), 'gpu.feature gpu-feature'],
    [
      'an unknown protected-PCIe status',
      opaque({ 21: Uint8Array.of(0x5a) }),
      'gpu.feature gpu-feature',
    ],
    ['a multi-GPU mode without its fabric', opaque({ 36: u16(2) }), 'gpu.fabric gpu-fabric'],
    [
      'protected PCIe without its fabric',
      opaque({ 21: Uint8Array.of(0xaa) }),
      'gpu.fabric gpu-fabric',
    ],
    ['no driver manifest', { without: ['driver'] }, 'rim.driver rim-missing'],
    ['no VBIOS manifest', { without: ['vbios'] }, 'rim.vbios rim-missing'],
    [
      'a driver manifest for another version',
      { rim: { driver: { version: '595.71.06' } } },
      'rim.identity rim-mismatch',
    ],
    [
      'a manifest for another product',
      { rim: { vbios: { product: 'GH200' } } },
      'rim.identity rim-mismatch',
    ],
    [
      'a switch’s manifest for a GPU',
      { rim: { vbios: { edition: 'SWITCH' } } },
      'rim.identity rim-mismatch',
    ],
    [
      'another maker’s manifest',
      { rim: { driver: { manufacturerId: '5704' } } },
      'rim.document rim-mismatch',
    ],
    ['a manifest altered after signing', altered('driver'), 'rim.signature rim-signature'],
    [
      'an unknown video decoder status',
      opaque({ 11: Uint8Array.of(0) }),
      'gpu.nvdec0 measurement-mismatch',
    ],
    ['no video decoder status', opaque({ 11: undefined }), 'gpu.nvdec0 measurement-mismatch'],
  ]

  test.each(rows)('%s', async (_, item, expected) => {
    const without = item.without?.map(
      (kind) => `nvidia/rim/${forge.rimId(kind === 'driver' ? 'driver' : 'vbios')}`,
    )
    const failures = await failuresOf(without === undefined ? item : { ...item, without })
    // A decoder that is not known to be off has its measurement compared: it differs on purpose here or not at all.
    expect(failures).toEqual([expected])
  })

  function altered(kind: RimKind): Case {
    const tamper = (xml: string): string => xml.replace('active="False"', 'active="True"')
    return { rim: { [kind]: { tamper } } }
  }
})

describe('the device chain', () => {
  const chainOf = (edit: (chain: Bytes[]) => readonly Bytes[]): Case => {
    const [device] = forge.devices
    if (device === undefined) throw new Error('no device')
    return { device: { chain: edit(deviceChain(device, forge.authorities)) } }
  }

  test.each([
    ['without its root', (chain: Bytes[]) => chain.slice(0, 4), 'chain'],
    ['with a certificate too many', (chain: Bytes[]) => [...chain, ...chain.slice(4)], 'chain'],
    [
      'reordered',
      ([a, b, c, ...rest]: Bytes[]) => [a, c, b, ...rest].filter((der) => der !== undefined),
      'chain',
    ],
  ] as const)('%s is refused', async (_, edit, code) => {
    expect(await failuresOf(chainOf((chain) => edit(chain)))).toEqual([`gpu.chain ${code}`])
  })

  test('of another GPU does not fit the signature', async () => {
    const other = await forgeNvidia({ random, now: NOW, gpus: 2 })
    const evidence = await other.evidence({ nonce: NONCE })
    const [first, second] = evidence.devices
    if (first === undefined || second === undefined) throw new Error('no devices')
    const mixed = { arch: 'HOPPER', devices: [{ ...first, certificate: second.certificate }] }
    const outcome = await verdictOf(other, mixed, await other.collateral())
    expect(failed(outcome.checks)).toEqual(['gpu.signature signature'])
  })

  test('under a self-made root of the same names is refused, also with that root inside', async () => {
    const evidence = await stranger.evidence({ nonce: NONCE })
    const outcome = await verdictOf(forge, evidence, await stranger.collateral())
    expect(failed(outcome.checks)).toEqual(['gpu.chain untrusted-root'])
  })

  test('must be signed by the leaf: the boot ROM’s key is not enough', async () => {
    const signer = forge.devices[0]?.bootRom.signer
    if (signer === undefined) throw new Error('no device')
    const failures = await failuresOf({ device: { transcript: { signer } } })
    expect(failures).toEqual(['gpu.signature signature'])
  })

  test.each([
    ['an unknown chip', 'XX100 A01 GSP FMC LF', 'gpu-arch'],
    ['another chip than its boot ROM', 'GB100 A01 GSP FMC LF', 'chain'],
    ['no chip', 'leaf', 'gpu-arch'],
  ])('with a leaf of %s is refused', async (_, name, code) => {
    const [device] = forge.devices
    if (device === undefined) throw new Error('no device')
    const leaf = await forgeLeaf('gpu', device.bootRom, random, NOW, { name })
    const chain = deviceChain({ ...device, leaf }, forge.authorities)
    const failures = await failuresOf({ device: { chain, transcript: { signer: leaf.signer } } })
    expect(failures).toEqual([`gpu.chain ${code}`])
  })

  test('is refused before and after its dates', async () => {
    expect(await failuresOf({ now: NOW - 2 * 31_536_000 })).toEqual(['gpu.chain not-yet-valid'])
  })
})

describe('the signature', () => {
  const tampered = (tamper: (whole: Bytes) => Bytes): Case => ({
    device: { transcript: { tamper } },
  })
  const signatureOf = (whole: Bytes): Bytes => whole.slice(-96)
  const withSignature = (whole: Bytes, signature: Bytes): Bytes =>
    concat(whole.slice(0, -96), signature)

  test.each([
    ['zero', (): Bytes => new Uint8Array(96)],
    ['with r and s swapped', (old: Bytes): Bytes => concat(old.slice(48), old.slice(0, 48))],
    [
      'in little-endian order',
      (old: Bytes): Bytes => concat(old.slice(0, 48).reverse(), old.slice(48).reverse()),
    ],
  ])('%s is refused', async (_, edit) => {
    const item = tampered((whole) => withSignature(whole, edit(signatureOf(whole))))
    expect(await failuresOf(item)).toEqual(['gpu.signature signature'])
  })

  test('is where the lengths say, not the last 96 bytes', async () => {
    const item = tampered((whole) => concat(whole, Uint8Array.of(0x0a)))
    const policy = { allowTrailingData: true }
    expect(await failuresOf({ ...item, policy })).toEqual([])
  })

  test('by a stranger is refused', async () => {
    const signer = await makeSigner('ecdsa-p384-sha384')
    expect(await failuresOf({ device: { transcript: { signer } } })).toEqual([
      'gpu.signature signature',
    ])
  })
})

describe('measurements', () => {
  const measurements = (edit: (values: Bytes[]) => Bytes[]): Case => ({
    device: { transcript: { edit: (signed) => rewriteBlocks(signed, edit) } },
  })
  const changed = (index: number): Case =>
    measurements((values) => values.map((value, i) => (i === index ? new Uint8Array(48) : value)))

  /** Replaces the measurement blocks of an unsigned transcript. */
  function rewriteBlocks(signed: Bytes, edit: (values: Bytes[]) => Bytes[]): Bytes {
    const count = signed[41] ?? 0
    const values = Array.from({ length: count }, (_, i) => signed.slice(52 + 55 * i, 100 + 55 * i))
    const edited = edit(values)
    const blocks = edited.map((value, i) => concat(Uint8Array.of(i + 1, 1, 51, 0, 1, 48, 0), value))
    const length = Uint8Array.of(edited.length, ...u16(55 * edited.length), 0)
    return concat(signed.slice(0, 41), length, ...blocks, signed.slice(45 + 55 * count))
  }

  test.each([
    ['driver (DevTools, a patched driver)', 22],
    ['VBIOS', 9],
  ])('an active one of the %s that differs is refused', async (_, index) => {
    expect(await failuresOf(changed(index))).toEqual(['gpu.measurements measurement-mismatch'])
  })

  test('an inactive one is not compared', async () => {
    expect(await failuresOf(changed(50))).toEqual([])
  })

  test('fewer blocks than an active index are a mismatch, not a skip', async () => {
    const item = measurements((values) => values.slice(0, 41))
    expect(await failuresOf(item)).toEqual(['gpu.measurements measurement-mismatch'])
  })

  test('index 35 is compared unless the video decoder is off', async () => {
    expect(await failuresOf(changed(35))).toEqual([])
    const enabled = { 11: Uint8Array.of(0xaa) }
    expect(await failuresOf({ device: { ...changed(35).device, opaque: enabled } })).toEqual([
      'gpu.measurements measurement-mismatch',
    ])
    expect(await failuresOf(opaque(enabled))).toEqual([])
  })

  test('any of the listed alternatives is good, and nothing else', async () => {
    const resources = (values: readonly Bytes[]): Partial<RimFields> => ({
      resources: [{ index: 7, active: true, alternatives: values }],
    })
    const evidence = await forge.evidence({ nonce: NONCE })
    const measured = evidence.devices[0]?.evidence.slice(52 + 55 * 7, 100 + 55 * 7)
    if (measured === undefined) throw new Error('no device')
    const good = resources([new Uint8Array(48), measured])
    expect(await failuresOf({ rim: { driver: good } })).toEqual([])
    const bad = resources([new Uint8Array(48), new Uint8Array(48).fill(1)])
    expect(await failuresOf({ rim: { driver: bad } })).toEqual([
      'gpu.measurements measurement-mismatch',
    ])
  })

  test('that both manifests claim have no reference', async () => {
    const evidence = await forge.evidence({ nonce: NONCE })
    const measured = evidence.devices[0]?.evidence.slice(52 + 55 * 9, 100 + 55 * 9)
    if (measured === undefined) throw new Error('no device')
    const resources = [{ index: 9, active: true, alternatives: [measured] }]
    expect(await failuresOf({ rim: { driver: { resources } } })).toEqual([
      'rim.no-conflict measurement-mismatch',
    ])
  })
})

describe('what a policy waives', () => {
  test.each<[string, Case, string]>([
    [
      'the FWID',
      { ...opaque({ 20: undefined }), policy: { fwid: 'if-present' } },
      'gpu.fwid-present',
    ],
    ['the driver floor', { policy: { driverFloors: 'unchecked' } }, 'gpu.driver-floor'],
    ['the fabric', { ...opaque({ 36: u16(2) }), policy: { fabric: 'unchecked' } }, 'gpu.fabric'],
    ['the driver manifest', { policy: { driverRim: 'unchecked' } }, 'rim.driver'],
    ['the VBIOS manifest', { policy: { vbiosRim: 'unchecked' } }, 'rim.vbios'],
  ])('%s is a skip, never a pass', async (_, item, id) => {
    const checks = await checksOf(item)
    expect(failed(checks)).toEqual([])
    expect(checks.find((check) => check.id === id)?.status).toBe('skip')
  })

  test('without any manifest nothing was compared, and nothing says that it was', async () => {
    const without = (['driver', 'vbios'] as const).map((kind) => `nvidia/rim/${forge.rimId(kind)}`)
    const rows = async (policy: Partial<NvidiaPolicy>) =>
      (await checksOf({ without, policy }))
        .filter(({ id }) => id.startsWith('rim.') || id === 'gpu.measurements')
        .map(({ id, status }) => `${id} ${status}`)
    const steps = ['rim.document', 'rim.chain', 'rim.signature', 'rim.identity']
    const skipped = [...steps, 'rim.no-conflict', 'gpu.measurements'].map((id) => `${id} skip`)
    const waived = await rows({ driverRim: 'unchecked', vbiosRim: 'unchecked' })
    expect(waived).toEqual(expect.arrayContaining([...skipped, 'rim.driver skip']))
    expect(await rows({})).toEqual(expect.arrayContaining([...skipped, 'rim.driver fail']))
  })

  test('a mismatch is refused even where the manifest is not demanded', async () => {
    const item: Case = { policy: { driverRim: 'unchecked' }, rim: { driver: { version: '1.0' } } }
    expect(await failuresOf(item)).toEqual(['rim.identity rim-mismatch'])
  })

  test('an uncertified FWID is refused even where none is demanded', async () => {
    const item = { ...opaque({ 20: new Uint8Array(48) }), policy: { fwid: 'if-present' } as const }
    expect(await failuresOf(item)).toEqual(['gpu.fwid fwid'])
  })
})
