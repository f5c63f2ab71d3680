import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { modelHash } from '#attestation'
import { fromHex } from '#base/bytes.ts'
import { startDevChain } from '#dev/chain/start-dev-chain.ts'
import { deployContracts } from '#dev/world/deploy-contracts.ts'
import { generateSigner } from '#protocol/node'
import { MODEL, WEIGHTS } from '../verify/testing/forged-runner.ts'
import { lineOf, useRunners } from '../verify/testing/two-runners.ts'
import { offline, openPlace } from '../verify/testing/verify-in.ts'

const OURS = join(import.meta.dirname, '../../attestation/vectors')
const SHARED =
  process.env['ATTESTATION_VECTORS'] ?? join(import.meta.dirname, '../../../shared/vectors')
const NONCE = '2a'.repeat(32)

const here = useRunners()

describe('vectors', () => {
  test('every vector prints id, expected and got, and the last line is the total', async () => {
    const { code, out } = await here.place.verify('--vectors', OURS)
    const lines = out.split('\n')
    expect(lines.at(-1)).toMatch(/^[0-9]+ passed, 0 failed, [0-9]+ skipped$/)
    expect(lines.length).toBeGreaterThan(25)
    expect(lines[0]).toMatch(/^pass {2}\S+ {2}expected .+ {2}got /)
    expect(code).toBe(0)
  })

  test('a verdict other than the manifest’s fails the run', async () => {
    const folder = join(here.place.folder, 'altered')
    await cp(OURS, folder, { recursive: true })
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
    const good = manifest.vectors.find((vector: { verdict: string }) => vector.verdict === 'valid')
    const vectors = [{ ...good, verdict: 'invalid', reject: ['signature'] }]
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, vectors }))
    const { code, out } = await here.place.verify('--vectors', 'altered')
    expect(out).toMatch(/^FAIL {2}/)
    expect(out.split('\n').at(-1)).toBe('0 passed, 1 failed, 0 skipped')
    expect(code).toBe(1)
  })

  test.each([
    ['no folder', undefined],
    ['no JSON', '{'],
    ['another schema', '{"schema":"attestation-vectors/1","vectors":[]}'],
  ])('an unreadable manifest is wrong usage: %s', async (name, manifest) => {
    const folder = join(here.place.folder, name)
    if (manifest !== undefined) {
      await mkdir(folder)
      await writeFile(join(folder, 'manifest.json'), manifest)
    }
    expect((await here.place.verify('--vectors', folder)).code).toBe(2)
  })

  test.skipIf(!existsSync(join(SHARED, 'manifest.json')))(
    'the shared folder of real evidence gets its expected verdicts',
    async () => {
      const { code, out } = await here.place.verify('--vectors', SHARED)
      expect(out.split('\n').filter((line) => line.startsWith('FAIL'))).toEqual([])
      expect(code).toBe(0)
    },
  )
})

describe('the Registry', () => {
  test('is read by the command itself: what it lists passes, what it does not is refused', async () => {
    const chain = await startDevChain()
    try {
      const at = async (weights: string) =>
        deployContracts({
          endpoint: chain.endpoint,
          meterKey: generateSigner('meter').publicKey,
          salt: crypto.getRandomValues(new Uint8Array(32)),
          listings: [
            { kind: 'image', hash: fromHex(here.snp.image) },
            { kind: 'model', hash: fromHex(await modelHash(MODEL, weights)) },
          ],
        })
      const online = await openPlace(fetch)
      await online.write('roots.json', here.snp.simulation)
      await online.write('report.json', await here.snp.report(NONCE))
      const verify = (registry: string) =>
        online.verify(
          'report.json',
          ...['--simulation', 'roots.json', '--nonce', NONCE],
          ...['--registry', registry, '--endpoint', chain.endpoint],
        )
      const { registry, till } = await at(`sha256:${'ee'.repeat(32)}`)
      const unlisted = await verify(registry)
      expect(lineOf(unlisted, 'evidence.image')).toBe('pass  evidence.image')
      expect(lineOf(unlisted, 'evidence.model')).toMatch(/^FAIL .*model-unlisted/)
      expect(unlisted.code).toBe(1)
      await at(WEIGHTS)
      const listed = await verify(registry)
      expect(lineOf(listed, 'evidence.model')).toBe('pass  evidence.model')
      expect(lineOf(listed, 'allowlist.age')).toBe('pass  allowlist.age')
      expect(listed.out).toContain('(registry by one endpoint, version ')
      expect(listed.code).toBe(3)
      await mkdir(join(online.folder, '.cocoon'))
      await online.write('.cocoon/simulation.json', here.snp.simulation)
      await online.write('.cocoon/dev.json', {
        chainUrl: chain.endpoint,
        registryAddress: registry,
      })
      const dev = await online.verify('report.json', '--dev', '--nonce', NONCE)
      expect(dev.out).toBe(listed.out)
      // A contract that is no Registry must not pass for one.
      const wrong = await verify(till)
      expect(wrong.err).toContain('registry_wrong')
      expect(wrong.code).toBe(1)
    } finally {
      await chain.close()
    }
  })
})

describe('usage', () => {
  test.each([
    ['nothing to verify', []],
    ['two targets', ['a.json', 'b.json']],
    ['an unknown flag', ['a.json', '--yes']],
    ['a file that is not there', ['missing.json', '--any-image']],
    ['a nonce that is none', ['a.json', '--nonce', 'AB']],
    ['two ways to pin', ['a.json', '--any-image', '--image', '00'.repeat(32)]],
    ['an image hash that is none', ['a.json', '--image', 'latest']],
    ['a Registry without an endpoint', ['a.json', '--registry', `0:${'00'.repeat(32)}`]],
    ['a world that does not run', ['a.json', '--dev']],
    ['a world and a pin', ['a.json', '--dev', '--any-image']],
    ['a URL offline', ['https://gateway.example', '--bundle', 'b.json']],
    ['the Registry offline', ['a.json', '--bundle', 'b.json', '--endpoint', 'https://x.example']],
    ['credentials in the URL', ['https://user:pass@gateway.example']],
    ['vectors beside a file', ['a.json', '--vectors', 'x']],
  ])('%s is exit code 2, and nothing is asked', async (_, args) => {
    const quiet = await openPlace(offline)
    const { code, err } = await quiet.verify(...args)
    expect(err).not.toBe('')
    expect(quiet.asked).toEqual([])
    expect(code).toBe(2)
  })

  test.each([
    ['text', 'hello'],
    ['a list', '[]'],
    ['null', 'null'],
    ['another document', '{"hello":1}'],
  ])('a file that holds %s is exit code 2', async (name, text) => {
    const file = await here.place.write(`${name}.json`, text)
    expect((await here.place.verify(file, '--any-image')).code).toBe(2)
  })

  test.each([
    ['no TEE', { tee: {} }],
    ['an unknown TEE', { tee: { type: 'sgx-next' } }],
    ['a cut report', { tee: { type: 'sev-snp', report: 'AAAA' } }],
    ['a TEE that is text', { tee: 'sev-snp' }],
  ])('evidence with %s is refused', async (name, evidence) => {
    const file = await here.place.write(`${name}.json`, evidence)
    const outcome = await here.place.verify(file, '--any-image', '--any-nonce', '--no-gpu')
    expect(lineOf(outcome, 'evidence.form')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })
})
