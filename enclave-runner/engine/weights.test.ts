import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { measureWeights, weightsManifest } from './weights.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A snapshot as Hugging Face's cache keeps it: names that link to blobs. */
function snapshot(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'weights-'))
  mkdirSync(join(root, 'blobs'))
  mkdirSync(join(root, 'snapshot', 'sub'), { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    const blob = join(root, 'blobs', sha256(content))
    writeFileSync(blob, content)
    symlinkSync(blob, join(root, 'snapshot', name))
  }
  return join(root, 'snapshot')
}

const FILES = { 'config.json': '{}', 'b.safetensors': 'bbb', 'a.safetensors': 'aa', 'sub/c': '' }

describe('weights', () => {
  test('of one file are its SHA-256, as sha256sum says it', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'weights-')), 'model.gguf')
    writeFileSync(file, 'abc')
    expect((await measureWeights(file)).digest).toBe(`sha256:${sha256('abc')}`)
  })

  test('of a folder are the SHA-256 of its manifest, whose every line is known', async () => {
    const { digest, files } = await measureWeights(snapshot(FILES))
    const manifest = [
      'cocoon weights v1',
      `${sha256('aa')} 2 a.safetensors`,
      `${sha256('bbb')} 3 b.safetensors`,
      `${sha256('{}')} 2 config.json`,
      `${sha256('')} 0 sub/c`,
      '',
    ].join('\n')
    expect(weightsManifest(files)).toBe(manifest)
    expect(digest).toBe(`sha256:${sha256(manifest)}`)
  })

  test('are the same wherever the folder is and however its files are linked', async () => {
    const plain = mkdtempSync(join(tmpdir(), 'weights-'))
    mkdirSync(join(plain, 'sub'))
    for (const [name, content] of Object.entries(FILES).reverse()) {
      writeFileSync(join(plain, name), content)
    }
    expect(await measureWeights(plain)).toMatchObject({
      digest: (await measureWeights(snapshot(FILES))).digest,
    })
  })

  test.each([
    ['a byte', { ...FILES, 'a.safetensors': 'ab' }],
    ['a name', { ...FILES, 'd.safetensors': '' }],
    [
      'content that moved between files',
      { ...FILES, 'a.safetensors': 'aab', 'b.safetensors': 'bb' },
    ],
  ])('change with %s', async (_, files) => {
    const [one, other] = [
      await measureWeights(snapshot(FILES)),
      await measureWeights(snapshot(files)),
    ]
    expect(one.digest).not.toBe(other.digest)
  })

  test('tell how far they are, and that they cannot be read', async () => {
    const seen: [number, number][] = []
    await measureWeights(snapshot(FILES), (done, total) => seen.push([done, total]))
    expect(seen.at(-1)).toEqual([7, 7])
    await expect(measureWeights('/nowhere')).rejects.toMatchObject({ code: 'engine_failed' })
    const odd = mkdtempSync(join(tmpdir(), 'weights-'))
    symlinkSync('/dev/null', join(odd, 'device'))
    await expect(measureWeights(odd)).rejects.toMatchObject({ code: 'engine_failed' })
  })
})
