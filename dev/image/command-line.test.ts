import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const read = (name: string): string =>
  readFileSync(new URL(`../../enclave-runner/image/${name}`, import.meta.url), 'utf8')
const words = read('cmdline.txt').trim().split(' ')

describe('the image’s command line', () => {
  test('names nothing to the initrd’s systemd: its one program is a script', () => {
    expect(read('initrd-init')).toMatch(/^#!\/bin\/busybox sh/)
    expect(words.filter((word) => word.startsWith('rd.'))).toEqual([])
  })

  test.each([
    ['credentials by SMBIOS and fw_cfg', 'systemd.import_credentials=no'],
    ['partitions that a disk of the host calls home, var or swap', 'systemd.gpt_auto=0'],
    ['swap, which is memory on a disk of the host (M18)', 'systemd.swap=0'],
    ['logins on consoles that the host adds', 'systemd.getty_auto=no'],
    ['writing to its memory from user space', 'lockdown=confidentiality'],
    ['modules that Debian did not sign', 'module.sig_enforce=1'],
    ['randomness of the host alone', 'random.trust_bootloader=off'],
  ])('keeps the machine from %s', (_, word) => {
    expect(words).toContain(word)
  })
})
