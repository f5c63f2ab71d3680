import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attachGuard } from './attach-guard.ts'
import { makeKernel } from './testing/make-kernel.ts'

const FIRMWARE = '/usr/share/ovmf/OVMF.fd'
const TESTING = join(import.meta.dirname, 'testing')
const GUARD = join(import.meta.dirname, '../../enclave-runner/image/acpi/build-guard.sh')
const missing = [
  ...['gcc', 'ld', 'objcopy', 'iasl', 'qemu-system-x86_64'].filter(
    (program) => spawnSync('which', [program]).status !== 0,
  ),
  ...(existsSync(FIRMWARE) ? [] : [FIRMWARE]),
]

/** Boots OVMF by QEMU's own interpreter of instructions: no virtualisation is needed. */
describe.skipIf(missing.length > 0)(
  `what a host puts into ACPI tables (needs gcc, iasl, qemu-system-x86 and ovmf; missing: ${missing.join(', ') || 'nothing'})`,
  { timeout: 300_000 },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'cocoon-acpi-'))
    afterAll(() => rmSync(folder, { recursive: true, force: true }))
    const at = (name: string) => join(folder, name)

    beforeAll(() => {
      execFileSync(GUARD, [folder])
      execFileSync('iasl', ['-p', at('evil'), join(TESTING, 'evil.asl')])
      const flags = ['-Os', '-ffreestanding', '-fPIC', '-fno-stack-protector', '-mno-red-zone']
      execFileSync('gcc', ['-c', ...flags, '-o', at('probe.o'), join(TESTING, 'probe.c')])
      const script =
        'SECTIONS { .all : { *(.text.first) *(.text*) *(.rodata*) } /DISCARD/ : { *(*) } }'
      writeFileSync(at('probe.ld'), script)
      execFileSync('ld', ['-T', at('probe.ld'), '-o', at('probe.elf'), at('probe.o')])
      execFileSync('objcopy', ['-O', 'binary', '-j', '.all', at('probe.elf'), at('probe.bin')])
      const plain = makeKernel(new Uint8Array(readFileSync(at('probe.bin'))))
      writeFileSync(at('plain'), plain)
      writeFileSync(
        at('guarded'),
        attachGuard(plain, new Uint8Array(readFileSync(at('guard.bin')))),
      )
    })

    /** What the kernel told, or `none` where it was never reached; the machine always ends by itself. */
    function boot(kernel: 'plain' | 'guarded', ...more: string[]): readonly string[] {
      const told = at('told')
      rmSync(told, { force: true })
      const machine = more.includes('-machine') ? [] : ['-machine', 'q35']
      execFileSync(
        'qemu-system-x86_64',
        ['-nodefaults', '-display', 'none', '-no-reboot', '-m', '512', '-smp', '3', ...machine]
          .concat(['-bios', FIRMWARE, '-kernel', at(kernel), '-debugcon', `file:${told}`])
          .concat(more),
        { timeout: 240_000 },
      )
      return readFileSync(told, 'latin1').split('\n')
    }

    test('reaches a kernel without the guard', () => {
      const told = boot('plain', '-acpitable', `file=${at('evil.aml')}`)
      expect(told).toContain('SSDT EVIL\0\0')
      expect(told).toContain('DSDT BOCHS ')
    })

    test('never reaches a guarded one: it is given the measured DSDT and tables without AML (H22)', () => {
      const told = boot('guarded', '-acpitable', `file=${at('evil.aml')}`)
      expect(told).toEqual(['FACP COCOON', 'DSDT COCOON', 'APIC COCOON', 'MCFG COCOON', '.'])
    })

    test('tables that do not fit end the machine before the kernel (H22)', () => {
      expect(boot('guarded', '-machine', 'pc')).toEqual([''])
      expect(boot('guarded', '-machine', 'q35,acpi=off')).toEqual([''])
    })
  },
)
