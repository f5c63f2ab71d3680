import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attachGuard } from './attach-guard.ts'
import { makeKernel } from './testing/make-kernel.ts'

const FIRMWARE = '/usr/share/ovmf/OVMF.fd'
const TESTING = join(import.meta.dirname, 'testing')
const ACPI = join(import.meta.dirname, '../../enclave-runner/image/acpi')
const GUARD = join(ACPI, 'build-guard.sh')
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
      const guarded = (guard: string) => attachGuard(plain, new Uint8Array(readFileSync(guard)))
      writeFileSync(at('guarded'), guarded(at('guard.bin')))
      writeFileSync(at('guarded-tdx'), guarded(buildForTdx()))
    })

    /** The same guard, but for the processor's answer: no emulator gives that of a TDX module. @returns its file */
    function buildForTdx(): string {
      const source = at('tdx')
      cpSync(ACPI, source, { recursive: true })
      const guard = readFileSync(join(source, 'guard.c'), 'utf8')
      const answer = ['$0x65746e49, %%ebx', '$0x5844546c, %%edx', '$0x20202020, %%ecx']
      const told = guard.replace('"cpuid"', `"${answer.map((move) => `movl ${move};`).join(' ')}"`)
      expect(told).not.toBe(guard)
      writeFileSync(join(source, 'guard.c'), told)
      execFileSync(join(source, 'build-guard.sh'), [source])
      return join(source, 'guard.bin')
    }

    /** What the kernel told, or `none` where it was never reached; the machine always ends by itself. */
    function boot(
      kernel: 'plain' | 'guarded' | 'guarded-tdx',
      ...more: string[]
    ): readonly string[] {
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
      const [fadt, dsdt, apic, entries, ...rest] = told
      expect([fadt, dsdt, apic]).toEqual(['FACP COCOON', 'DSDT COCOON', 'APIC COCOON'])
      // Three processors, the I/O APIC, and what it and they are wired to.
      expect(entries).toMatch(/^ 00 00 00 01(?: 02)+ 04$/)
      expect(rest).toEqual(['MCFG COCOON', '.'])
    })

    describe('where the processor says that this is TDX', () => {
      /** One processor, the host's mailbox, the firmware's mailbox, a kind that Linux does not need. */
      const LIST = '0008000001000000'
      const mailbox = (at: string) => `1010000000000000${at}00000000`
      const processors = (...entries: string[]) => `0000e0fe01000000${entries.join('')}`
      /** Kind, then where the log is and its size. */
      const log = (at: string) => `020000000000010000000000${at}00000000`
      const table = (signature: string, hexes: string, name: string): string[] => {
        writeFileSync(at(name), Buffer.from(hexes, 'hex'))
        return ['-acpitable', `sig=${signature},data=${at(name)}`]
      }
      /** The host's tables first, then those that TDX's firmware appends. */
      const tables = () => [
        ...table('APIC', processors(LIST, mailbox('00000a00')), 'apic-host'),
        ...table('CCEL', log('00000b00'), 'ccel-host'),
        ...table('APIC', processors(LIST, mailbox('00000a00'), mailbox('00000c00')), 'apic'),
        ...table('CCEL', log('00000d00'), 'ccel'),
      ]

      test('the firmware’s mailbox and log reach the kernel, and those of the host do not (H22)', () => {
        const told = boot('guarded-tdx', ...tables(), '-acpitable', `file=${at('evil.aml')}`)
        expect(told).toEqual([
          ...['FACP COCOON', 'DSDT COCOON', 'APIC COCOON', ' 00 10@000c0000'],
          ...['MCFG COCOON', expect.stringMatching(/^CCEL /), ' 000d0000', '.'],
        ])
      })

      test('elsewhere neither does, whatever tables a host gives (H22)', () => {
        const told = boot('guarded', ...tables())
        expect(told.join(' ')).not.toMatch(/CCEL| 10@/)
        expect(told.at(-1)).toBe('.')
      })

      test('a log of a strange size ends the machine (H22)', () => {
        const strange = table('CCEL', `${log('00000d00')}00`, 'ccel-strange')
        expect(boot('guarded-tdx', ...strange)).toEqual([''])
      })
    })

    test('tables that do not fit end the machine before the kernel (H22)', () => {
      expect(boot('guarded', '-machine', 'pc')).toEqual([''])
      expect(boot('guarded', '-machine', 'q35,acpi=off')).toEqual([''])
    })
  },
)
