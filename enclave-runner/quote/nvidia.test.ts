import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { base64, fromHex, utf8 } from '#base/bytes.ts'
import { gpuTools } from './gpu-tools.ts'
import { openNvidia } from './nvidia.ts'

/**
 * NVIDIA's tools at the process boundary: real processes that print what a test tells them. What `nvattest` printed
 * on real machines is in the recorded vectors.
 */
const folder = mkdtempSync(join(tmpdir(), 'cocoon-gpu-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function tool(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, name), 0o755)
}

function prints(name: string, document: unknown): void {
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(document))
  tool(name, `cat ${join(folder, `${name}.json`)}`)
}

const nonce = new Uint8Array(32).fill(7)
const HEX = '07'.repeat(32)
const device = (change: object = {}) => ({
  arch: 'HOPPER',
  nonce: HEX,
  evidence: base64(utf8('measurements')),
  certificate: base64(utf8('-----BEGIN')),
  ...change,
})
const nvidia = openNvidia(gpuTools(folder))

describe('GPU evidence by nvattest', () => {
  test('of each GPU, in order, under the nonce that was asked', async () => {
    tool(
      'nvattest',
      `test "$*" = "collect-evidence --device gpu --nonce ${HEX} --format json" || exit 9
cat <<'END'
${JSON.stringify({ result_code: 0, evidences: [device(), device({ evidence: base64(utf8('second')) })] })}
END`,
    )
    const collected = await nvidia.gpu(nonce)
    expect(collected).toEqual({
      arch: 'HOPPER',
      devices: [
        { evidence: utf8('measurements'), certificate: utf8('-----BEGIN') },
        { evidence: utf8('second'), certificate: utf8('-----BEGIN') },
      ],
    })
  })

  test('nothing of the environment reaches the tool (C3)', async () => {
    process.env['COCOON_TEST_LEAK'] = '1'
    tool('nvattest', 'test -z "$COCOON_TEST_LEAK" || exit 9; echo "[]"')
    await expect(nvidia.gpu(nonce)).rejects.toMatchObject({ code: 'device_malformed' })
    delete process.env['COCOON_TEST_LEAK']
  })

  test.each([
    ['another nonce', [device({ nonce: '08'.repeat(32) })], 'device_malformed'],
    ['two architectures', [device(), device({ arch: 'BLACKWELL' })], 'device_malformed'],
    ['no GPU', [], 'device_malformed'],
    ['seventeen GPUs', Array.from({ length: 17 }, () => device()), 'device_malformed'],
    ['no base64', [device({ evidence: '*' })], 'device_malformed'],
    ['evidence beyond all bounds', [device({ evidence: 'A'.repeat(100_000) })], 'device_malformed'],
    ['an entry without a certificate', [{ ...device(), certificate: 1 }], 'device_malformed'],
    ['a failure of its own', { result_code: 7, evidences: [device()] }, 'device_failed'],
    ['text', 'Ok', 'device_malformed'],
  ])('%s is no evidence', async (_, document, code) => {
    prints('nvattest', document)
    await expect(nvidia.gpu(nonce)).rejects.toMatchObject({ code })
  })

  test('a tool that fails, or is not there', async () => {
    tool('nvattest', 'exit 1')
    await expect(nvidia.gpu(nonce)).rejects.toMatchObject({ code: 'device_failed' })
    const elsewhere = openNvidia(gpuTools(join(folder, 'nowhere')))
    await expect(elsewhere.gpu(nonce)).rejects.toMatchObject({ code: 'device_missing' })
  })

  const vectors =
    process.env['ATTESTATION_VECTORS'] ?? join(import.meta.dirname, '../../../shared/vectors')
  const recorded = join(vectors, 'nvidia/gpu/json/multi_gpu_hopper.json')

  test.skipIf(!existsSync(recorded))('what was recorded of real GPUs is read whole', async () => {
    // Sound: the vectors' manifest describes this file.
    const list = JSON.parse(readFileSync(recorded, 'utf8')) as { nonce: string; arch: string }[]
    tool('nvattest', `cat ${recorded}`)
    const collected = await nvidia.gpu(
      fromHex(list[0]?.nonce.replace(/^0x/, '') ?? '', { anyCase: true }),
    )
    expect(collected?.devices).toHaveLength(list.length)
    expect(collected?.arch).toBe('HOPPER')
  })
})

describe('the state of GPUs by nvidia-smi', () => {
  const smi = (mode: string, devtools: string, ids: string) =>
    tool(
      'nvidia-smi',
      `case "$*" in
*-f) echo "CC status: ${mode}";;
*-d) echo "DevTools Mode: ${devtools}";;
*) printf '${ids}';;
esac`,
    )

  test('is the list of devices, in whatever order they are told', async () => {
    smi('ON', 'OFF', 'GPU-b, 1\\nGPU-a, 0\\n')
    const state = await nvidia.gpuState()
    smi('ON', 'OFF', 'GPU-a, 0\\nGPU-b, 1\\n')
    expect(await nvidia.gpuState()).toBe(state)
    smi('ON', 'OFF', 'GPU-a, 0\\n')
    expect(await nvidia.gpuState()).not.toBe(state)
  })

  test.each([
    ['confidential mode off', 'OFF', 'OFF', 'GPU-a'],
    ['development tools on', 'ON', 'ON', 'GPU-a'],
    ['no GPU', 'ON', 'OFF', ''],
  ])('%s is unsafe', async (_, mode, devtools, ids) => {
    smi(mode, devtools, ids)
    await expect(nvidia.gpuState()).rejects.toMatchObject({ code: 'gpu_unsafe' })
  })
})
