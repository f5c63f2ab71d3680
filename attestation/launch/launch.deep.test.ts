import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bytes, hex } from '#base/bytes.ts'
import { authenticodeDigest } from './authenticode.ts'
import { cpuSignature, parseFirmware, sevLaunchDigest } from './index.ts'
import { MADE_BOOT, madeFirmware } from './testing/launches.ts'

/**
 * The same files through tools that we did not write: sev-snp-measure (PyPI) and pesign (Debian), on our firmware and
 * on Debian's firmware and kernel. Skipped, with the reason, where neither registry can be reached.
 */
const folder = mkdtempSync(join(tmpdir(), 'cocoon-launch-'))
const at = (name: string) => join(folder, name)
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONPATH: at('python') },
  })
const read = (path: string): Bytes => new Uint8Array(readFileSync(path))

let missing: string | undefined

beforeAll(() => {
  try {
    run('pip', 'install', '-q', '--target', at('python'), 'sev-snp-measure==0.0.13')
    run('apt-get', 'download', '-qq', 'ovmf')
    run('bash', '-c', 'dpkg -x ovmf_*.deb debian')
  } catch {
    missing = 'PyPI or the Debian archive cannot be reached from here'
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function sevSnpMeasure(firmware: Bytes, cpu: string, processors: number, isDirect: boolean) {
  writeFileSync(at('firmware'), firmware)
  writeFileSync(at('kernel'), MADE_BOOT.kernel)
  writeFileSync(at('initrd'), MADE_BOOT.initrd)
  const boot = ['--kernel', 'kernel', '--initrd', 'initrd', '--append', MADE_BOOT.commandLine]
  return run(
    'python3',
    ...['-m', 'sevsnpmeasure.cli', '--mode', 'snp', '--guest-features', '1', '--ovmf', 'firmware'],
    ...['--vcpus', String(processors), '--vcpu-type', cpu],
    ...(isDirect ? boot : []),
  ).trim()
}

describe('launch digests beside sev-snp-measure', () => {
  test.for([
    ['our firmware, direct boot', true, 'EPYC-Genoa', 1],
    ['our firmware, direct boot', true, 'EPYC-Milan', 4],
    ['our firmware, direct boot', true, 'EPYC-Turin', 64],
    ["Debian's OVMF", false, 'EPYC-Genoa', 3],
  ] as const)(
    '%s (direct: %s) on %s with %d processors',
    async ([, isDirect, cpu, processors], { skip }) => {
      if (missing !== undefined) skip(missing)
      const bytes = isDirect ? madeFirmware() : read(at('debian/usr/share/ovmf/OVMF.fd'))
      const digest = await sevLaunchDigest({
        firmware: parseFirmware(bytes),
        boot: isDirect ? MADE_BOOT : undefined,
        processors,
        signature: cpuSignature(cpu),
        features: 1,
      })
      expect(hex(digest)).toBe(sevSnpMeasure(bytes, cpu, processors, isDirect))
    },
  )
})

test("what is hashed of Debian's signed kernel is what pesign hashes", async ({ skip }) => {
  let kernel = ''
  try {
    const depends = run('apt-cache', 'depends', 'linux-image-cloud-amd64')
    const name = /linux-image-[\w.-]+-cloud-amd64/.exec(
      depends.split('\n').slice(1).join('\n'),
    )?.[0]
    run('apt-get', 'download', '-qq', name ?? '', 'pesign', 'libefivar1')
    run('bash', '-c', 'for package in *.deb; do dpkg -x "$package" debian; done')
    kernel = at(
      join(
        'debian/boot',
        readdirSync(at('debian/boot')).find((f) => f.startsWith('vmlinuz')) ?? '',
      ),
    )
    run('bash', '-c', 'ldd debian/usr/bin/pesign > /dev/null')
  } catch {
    skip('the Debian archive cannot be reached from here')
  }
  const printed = run(at('debian/usr/bin/pesign'), '-h', '-d', 'sha256', '-i', kernel)
  expect(printed).toContain(hex(await authenticodeDigest('SHA-256', read(kernel))))
})
