import { beforeAll, describe, expect, test } from 'vitest'
import { concat } from '#base/bytes.ts'
import { type DeviceOverrides, forgeNvidia, type NvidiaForge } from '#dev/forge/nvidia.ts'
import type { Collateral } from '../collateral/entry.ts'
import { gpuEvidenceDigest } from '../hashes.ts'
import { failed, NONCE, NOW, random, verdictOf, withEntries } from '../testing/gpu-verdict.ts'
import type { NvidiaPolicy } from './policy.ts'

/** One HGX board: GPUs 0 to 7, switches 8 to 11. */
let board: NvidiaForge
let collateral: Collateral

const ALL = Array.from({ length: 12 }, (_, i) => i)

beforeAll(async () => {
  board = await forgeNvidia({ random, now: NOW, gpus: 8, switches: 4 })
  collateral = await board.collateral()
})

async function outcomeOf(
  options: {
    pick?: readonly number[]
    device?: (index: number) => DeviceOverrides
    policy?: Partial<NvidiaPolicy>
    without?: readonly string[]
    arch?: string
  } = {},
) {
  const { pick = ALL, device, arch } = options
  const evidence = await board.evidence({
    nonce: NONCE,
    pick,
    ...(device === undefined ? {} : { device }),
    ...(arch === undefined ? {} : { arch }),
  })
  const given = withEntries(collateral, [], options.without)
  return verdictOf(
    board,
    evidence,
    given,
    options.policy === undefined ? {} : { policy: options.policy },
  )
}

async function failuresOf(options: Parameters<typeof outcomeOf>[0]): Promise<string[]> {
  return failed((await outcomeOf(options)).checks)
}

const FABRIC = ['gpu.fabric gpu-fabric']
const ids = (...indices: number[]): Uint8Array =>
  concat(...indices.map((index) => board.devices[index]?.id ?? new Uint8Array(8)))

describe('eight GPUs and four switches', () => {
  test('pass with every manifest; switches are not counted as GPUs', async () => {
    const evidence = await board.evidence({ nonce: NONCE })
    const outcome = await verdictOf(board, evidence, collateral)
    expect(failed(outcome.checks)).toEqual([])
    expect(outcome).toMatchObject({ summary: { count: 8 } })
    if (!outcome.proven) throw new Error('refused')
    expect(outcome.summary.gpus).toHaveLength(8)
    expect(outcome.summary.digest).toBe(await gpuEvidenceDigest(evidence.devices))
  })

  test('in another order are another digest', async () => {
    const [one, other] = await Promise.all([
      outcomeOf(),
      outcomeOf({ pick: [...ALL].reverse(), policy: { fabric: 'unchecked' } }),
    ])
    if (!one.proven || !other.proven) throw new Error('refused')
    expect(one.summary.digest).not.toBe(other.summary.digest)
  })

  test.each([
    ['a GPU missing', ALL.slice(1)],
    ['a switch missing', ALL.slice(0, 11)],
    ['no switch', ALL.slice(0, 8)],
  ])('%s: refused', async (_, pick) => {
    expect(await failuresOf({ pick })).toEqual(FABRIC)
  })

  test.each([
    ['a GPU twice', [0, 0, ...ALL.slice(2)]],
    ['a switch twice', [...ALL.slice(0, 11), 10]],
  ])('%s: refused', async (_, pick) => {
    expect(await failuresOf({ pick })).toEqual(['gpu.distinct duplicate-device'])
  })

  test('a GPU that names other switches: refused', async () => {
    const foreign = new Uint8Array(18 * 8).fill(9)
    const device = (index: number): DeviceOverrides =>
      index === 3 ? { opaque: { 22: foreign } } : {}
    expect(await failuresOf({ device })).toEqual(FABRIC)
  })

  test('a GPU that names only some of the switches: refused', async () => {
    const reversed = Uint8Array.from([...ids(8)].reverse())
    const device = (index: number): DeviceOverrides =>
      index === 0 ? { opaque: { 22: reversed } } : {}
    expect(await failuresOf({ device })).toEqual(FABRIC)
  })

  test('switches that share an id: refused', async () => {
    const device = (index: number): DeviceOverrides =>
      index === 9 ? { opaque: { 22: ids(8) } } : {}
    expect(await failuresOf({ device })).toEqual(FABRIC)
  })

  test('switches that share an id, in agreement with every GPU: refused', async () => {
    const named = Uint8Array.from([8, 10, 11].flatMap((index) => [...ids(index)].reverse()))
    const device = (index: number): DeviceOverrides =>
      index < 8 ? { opaque: { 22: named } } : index === 9 ? { opaque: { 22: ids(8) } } : {}
    expect(await failuresOf({ device })).toEqual(FABRIC)
  })

  test('a switch that sees another GPU, or fewer: refused', async () => {
    const other = (index: number): DeviceOverrides =>
      index === 10
        ? { opaque: { 26: concat(ids(0, 1, 2, 3, 4, 5, 6), new Uint8Array(8).fill(7)) } }
        : {}
    expect(await failuresOf({ device: other })).toEqual(FABRIC)
    const fewer = (index: number): DeviceOverrides =>
      index >= 8 ? { opaque: { 26: ids(0, 1, 2, 3) } } : {}
    expect(await failuresOf({ device: fewer })).toEqual(FABRIC)
  })

  test('one device over another nonce: refused', async () => {
    const device = (index: number): DeviceOverrides =>
      index === 11 ? { transcript: { nonce: new Uint8Array(32) } } : {}
    expect(await failuresOf({ device })).toEqual(['gpu.nonce nonce'])
  })

  test('one GPU whose measurement differs: refused, and named', async () => {
    const device = (index: number): DeviceOverrides => ({
      transcript: {
        edit: (signed) => {
          const copy = signed.slice()
          // Block 23, index 22: an active driver measurement.
          if (index === 5) copy[52 + 55 * 22] = (copy[52 + 55 * 22] ?? 0) ^ 1
          return copy
        },
      },
    })
    const { checks } = await outcomeOf({ device })
    expect(failed(checks)).toEqual(['gpu.measurements measurement-mismatch'])
    const ueid = board.devices[5]?.leaf.serial.toString() ?? ''
    expect(checks.find(({ status }) => status === 'fail')).toMatchObject({
      detail: `GH100 ${ueid}: measurements differ: driver 22`,
    })
  })

  test('without the switches’ manifest: refused', async () => {
    const without = [`nvidia/rim/${board.rimId('switch')}`]
    expect(await failuresOf({ without })).toEqual(['rim.vbios rim-missing'])
  })
})

describe('parts of a board', () => {
  test('a switch alone travels under its own name', async () => {
    expect(await failuresOf({ pick: [8], arch: 'LS10' })).toEqual([])
    expect(await failuresOf({ pick: [8], arch: 'HOPPER' })).toEqual(['gpu.arch gpu-arch'])
  })

  test('several GPUs in the single mode need no fabric', async () => {
    const machine = await forgeNvidia({ random, now: NOW, gpus: 4 })
    const evidence = await machine.evidence({ nonce: NONCE })
    const outcome = await verdictOf(machine, evidence, await machine.collateral())
    expect(failed(outcome.checks)).toEqual([])
    expect(outcome).toMatchObject({ summary: { count: 4 } })
  })

  test('a fabric of another size passes where the policy names it', async () => {
    const machine = await forgeNvidia({ random, now: NOW, gpus: 2, switches: 1 })
    const evidence = await machine.evidence({ nonce: NONCE })
    const policy = { fabric: { gpus: 2, switches: 1 } }
    const outcome = await verdictOf(machine, evidence, await machine.collateral(), { policy })
    expect(failed(outcome.checks)).toEqual([])
  })
})
