import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { madeFirmware, madeKernel } from '#attestation/launch/testing/launches.ts'
import { HOST_INPUTS } from '../measure/host-inputs.ts'
import { testIo } from '../testing/test-io.ts'
import { measure } from './measure.ts'

const folder = mkdtempSync(join(tmpdir(), 'cocoon-measure-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
for (const [name, bytes] of Object.entries({
  vmlinuz: madeKernel(),
  initrd: 'an initrd',
  cmdline: 'panic=-1\n',
  'firmware-sev-snp.fd': madeFirmware(),
  'firmware-tdx.fd': madeFirmware(),
})) {
  writeFileSync(join(folder, name), bytes)
}

async function run(...args: string[]): Promise<string> {
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  await measure.run(testIo({ args, cwd: folder, out: say, err: say }))
  return lines.join('\n')
}

describe('cocoon measure', () => {
  test('prints registers and image hashes of both technologies, and marks what is unverified', async () => {
    const text = await run(folder)
    expect(text).toMatch(/^sev-snp\n {2}measurement +[0-9a-f]{96}\n {2}image hash +[0-9a-f]{64}$/m)
    expect(text).toMatch(/tdx {2}\(unverified/)
    expect(text).toMatch(/rtmr2 +[0-9a-f]{96}/)
  })

  test('a last line break in cmdline changes nothing, another word does', async () => {
    const before = await run(folder, '--json')
    writeFileSync(join(folder, 'cmdline'), 'panic=-1')
    expect(await run(folder, '--json')).toBe(before)
    writeFileSync(join(folder, 'cmdline'), 'panic=-1 debug')
    expect(await run(folder, '--json')).not.toBe(before)
  })

  test.each([
    ['no folder', [], /FOLDER/],
    ['an empty folder', [tmpdir()], /cmdline/],
    ['a CPU model that is none', [folder, '--cpu', 'i486'], /EPYC-Genoa/],
    ['no processors', [folder, '--processors', '0'], /whole number/],
  ])('%s: says what to do', async (_, args, message) => {
    await expect(run(...args)).rejects.toThrow(message)
  })

  test('lists each input of the host once, each with how it is met or that nothing meets it (H22)', async () => {
    const names = HOST_INPUTS.map(({ input }) => input)
    expect(new Set(names).size).toBe(names.length)
    const text = await run('--inputs')
    for (const name of names) expect(text).toContain(name)
    expect(text).toMatch(/AML \(DSDT, SSDT\) and other ACPI tables +ignored +ignored/)
    expect(text).toMatch(/memory bus \(interposers\) +NOT STOPPED/)
  })
})
