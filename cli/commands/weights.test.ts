import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { modelHash } from '#attestation'
import { openDesk } from '../testing/run-command.ts'
import { weights } from './weights.ts'

const desk = openDesk()
afterAll(() => desk.close())
mkdirSync(join(desk.folder, 'model'))
writeFileSync(join(desk.folder, 'model', 'config.json'), '{}')
writeFileSync(join(desk.folder, 'model', 'a.safetensors'), 'aa')
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

test('of a folder are the sha256sum of the manifest that it prints', async () => {
  const manifest = await desk.run(weights, 'model --manifest')
  expect(manifest.out).toBe(
    `cocoon weights v1\n${sha256('aa')} 2 a.safetensors\n${sha256('{}')} 2 config.json`,
  )
  const { out } = await desk.run(weights, 'model')
  expect(out).toBe(`files    2, 4 bytes\nweights  sha256:${sha256(`${manifest.out}\n`)}`)
})

test('of a file are its sha256sum; with a model comes the Registry’s entry', async () => {
  const { out } = await desk.run(weights, 'model/a.safetensors --model llama --json')
  const digest = `sha256:${sha256('aa')}`
  expect(JSON.parse(out)).toMatchObject({
    digest,
    registry: { kind: 'model', hash: await modelHash('llama', digest) },
  })
})

test('of a volume under dm-verity follow from its root hash', async () => {
  const root = 'ab'.repeat(32)
  const { out } = await desk.run(weights, `--verity ${root}`)
  expect(out).toBe(`weights  sha256:${sha256(`cocoon weights verity v1\n${root}\n`)}`)
})

test.each([
  ['', /PATH/],
  ['model --verity 00', /PATH/],
  ['nowhere', /nowhere: the weights cannot be read/],
  ['--verity 00', /64 hex digits/],
  ['--verity 00 --manifest', /no manifest/],
])('%s: says what is wrong', async (line, message) => {
  const { code, err } = await desk.run(weights, line)
  expect(code).toBe(2)
  expect(err).toMatch(message)
})
