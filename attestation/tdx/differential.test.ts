import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Bytes } from '#base/bytes.ts'
import { makeSigner, type Signer } from '#dev/forge/der.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { ACCEPTED_BY_QVL } from './testing/accepted-by-qvl.ts'
import { compareVectors } from './testing/compare-vectors.ts'
import { compare, compareWorlds } from './testing/differential.ts'
import { judge, tdxForge } from './testing/judge.ts'
import { REFUSED_BY_BOTH } from './testing/mutations.ts'
import { QVL_POLICY, REFUSED } from './testing/qvl.ts'

/** Against @phala/dcap-qvl: equal answers, or a difference that is listed with its reason. */

const FOLDER =
  process.env['ATTESTATION_VECTORS'] ?? join(import.meta.dirname, '../../../shared/vectors')
const PRESENT = existsSync(join(FOLDER, 'manifest.json'))

let forge: IntelForge
let stranger: Signer

beforeAll(async () => {
  forge = await tdxForge()
  stranger = await makeSigner('ecdsa-p256-sha256')
})

describe('one flaw at a time', () => {
  test('good evidence has the same answer', async () => {
    for (const quote of [{}, { version: 5 }, { version: 5, format: '1.0' }] as const) {
      const { ours, theirs } = await compare(forge, { quote })
      expect(ours).toBe('UpToDate')
      expect(theirs).toBe(ours)
    }
  })

  test.each(REFUSED_BY_BOTH)('$title: both refuse', async ({ flaw }) => {
    const { ours, theirs } = await compare(forge, await flaw(forge, stranger))
    expect({ ours, theirs }).toEqual({ ours: REFUSED, theirs: REFUSED })
  })

  test.each(ACCEPTED_BY_QVL)('$title: dcap-qvl accepts, though $accepted', async ({ flaw }) => {
    const item = await flaw(forge, stranger)
    const { ours, theirs } = await compare(forge, item)
    expect(ours).toBe(REFUSED)
    expect(theirs).not.toBe(REFUSED)
  })

  test('QE data of another length than 32 bytes: ours accepts, and the format allows it', async () => {
    const item = { quote: { qeAuthData: new Uint8Array(31) } }
    expect(await compare(forge, item)).toMatchObject({ ours: 'UpToDate', theirs: REFUSED })
    expect((await judge(forge, { ...item, policy: QVL_POLICY })).facts?.tcb.status).toBe('UpToDate')
  })
})

describe('random machines', () => {
  test('100 of them: equal answers, or a listed deviation', async () => {
    const { equal } = await compareWorlds(forge, 100)
    expect(equal).toBeGreaterThan(20)
  })
})

describe('the shared vectors', () => {
  test.skipIf(!PRESENT)('every quote: equal answers, or a listed reason', async () => {
    const read = async (path: string): Promise<Bytes> =>
      new Uint8Array(await readFile(join(FOLDER, path)))
    const manifest: unknown = JSON.parse(await readFile(join(FOLDER, 'manifest.json'), 'utf8'))
    const { equal, listed, unexplained } = await compareVectors(manifest, read)
    expect(unexplained).toEqual([])
    process.stdout.write(`dcap-qvl on vectors: ${equal} equal, ${listed} listed differences\n`)
    expect(equal).toBeGreaterThan(60)
  })

  test.runIf(!PRESENT)('are absent: 110 quotes skipped', () => {
    process.stdout.write(`dcap-qvl on vectors: 110 skipped, no manifest.json in ${FOLDER}\n`)
    expect(PRESENT).toBe(false)
  })
})
