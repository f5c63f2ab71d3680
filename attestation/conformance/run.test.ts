import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import type { Bytes } from '#base/bytes.ts'
import { runVectors, totalOf, type VectorOutcome } from './run.ts'
import type { Vector } from './vector.ts'

const FOLDER =
  process.env['ATTESTATION_VECTORS'] ?? join(import.meta.dirname, '../../../shared/vectors')
const PRESENT = existsSync(join(FOLDER, 'manifest.json'))

async function runFolder(folder: string, given?: unknown): Promise<VectorOutcome[]> {
  const read = async (path: string): Promise<Bytes> =>
    new Uint8Array(await readFile(join(folder, path)))
  const manifest: unknown =
    given ?? JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
  const outcomes: VectorOutcome[] = []
  for await (const outcome of runVectors(manifest, read)) outcomes.push(outcome)
  return outcomes
}

/** Always set by a real policy: without them the vector tells nothing about the evidence. */
const CONFIGURED = new Set([
  'measurement-pin',
  'report-data-pin',
  'tcb-floor',
  'tcb-eval-floor',
  'driver-floor',
  // Judged with the CPU's report, which GPU vectors do not have.
  'gpu-binding',
])

const STRICT = ['sev-snp', 'tdx', 'sgx', 'nvidia', 'nras']

describe('our forged vectors', () => {
  test('every one gets its expected verdict, and is refused under the pinned roots', async () => {
    const outcomes = await runFolder(join(import.meta.dirname, '../vectors'))
    expect(outcomes.filter(({ status }) => status !== 'passed')).toEqual([])
    expect(outcomes.length).toBeGreaterThan(25)
  })

  test('a changed file is noticed by its digest', async () => {
    const folder = join(import.meta.dirname, '../vectors')
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
    const [vector] = manifest.vectors
    const [path = ''] = Object.keys(vector.roles)
    const sha256 = { ...manifest.sha256, [path]: '00'.repeat(32) }
    const [outcome] = await runFolder(folder, { ...manifest, vectors: [vector], sha256 })
    expect(outcome).toMatchObject({ status: 'failed', got: 'error' })
  })

  test('a manifest of another schema, or a file outside the folder, is refused', async () => {
    const read = async (): Promise<Bytes> => new Uint8Array()
    await expect(runVectors({ schema: 'other/1' }, read).next()).rejects.toThrow('schema')
    const vector = {
      id: 'escape',
      technology: 'sev-snp',
      subject: 'report',
      verdict: 'valid',
      clock: '2025-01-01T00:00:00Z',
      waive: [],
      anchors: 'pinned',
      roles: { '../../etc/passwd': 'report' },
    }
    const manifest = { schema: 'attestation-vectors/2', vectors: [vector] }
    const { value } = await runVectors(manifest, read).next()
    expect(value).toMatchObject({ status: 'failed', detail: expect.stringContaining('outside') })
  })
})

describe('the shared vectors', () => {
  test.skipIf(!PRESENT)('every one gets its expected verdict', async () => {
    const outcomes = await runFolder(FOLDER)
    const wrong = outcomes.filter(({ status }) => status === 'failed')
    expect(wrong.map(({ id, got, detail }) => `${id}: ${got}: ${detail}`)).toEqual([])
    for (const technology of new Set(outcomes.map((outcome) => outcome.technology))) {
      const { passed, skipped } = totalOf(outcomes.filter((o) => o.technology === technology))
      process.stdout.write(`vectors ${technology}: ${passed} passed, ${skipped} skipped\n`)
    }
  })

  test.skipIf(!PRESENT)('without any one of its waivers a valid one is refused', async () => {
    const manifest = JSON.parse(await readFile(join(FOLDER, 'manifest.json'), 'utf8'))
    const stricter = manifest.vectors
      .filter((v: Vector) => STRICT.includes(v.technology) && v.verdict === 'valid')
      .flatMap((v: Vector) =>
        v.waive
          .filter((check) => !CONFIGURED.has(check))
          .map((check) => {
            const waive = v.waive.filter((other) => other !== check)
            return { ...v, id: `${v.id} without ${check}`, verdict: 'invalid', waive }
          }),
      )
    // A chain or a manifest alone has no revocation list to miss.
    const alone = ['chain', 'rim']
    const judged = stricter.filter((v: Vector) => !alone.includes(v.subject))
    expect(judged.length).toBeGreaterThan(10)
    const outcomes = await runFolder(FOLDER, { ...manifest, vectors: judged })
    expect(outcomes.filter(({ status }) => status !== 'passed')).toEqual([])
  })

  test.runIf(!PRESENT)(
    'are absent: 209 vectors skipped, set ATTESTATION_VECTORS to run them',
    () => {
      process.stdout.write(`vectors: 209 skipped, no manifest.json in ${FOLDER}\n`)
      expect(PRESENT).toBe(false)
    },
  )
})
