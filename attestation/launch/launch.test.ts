import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import { authenticodeDigest } from './authenticode.ts'
import { cpuSignature, parseFirmware, sevLaunchDigest, tdxMrtd, tdxRegisters } from './index.ts'
import { qemuKernel } from './qemu-kernel.ts'
import { MADE_BOOT, madeFirmware, madeKernel } from './testing/launches.ts'
import { makeFirmware } from './testing/make-firmware.ts'

const firmware = parseFirmware(madeFirmware())
const genoa = { firmware, boot: MADE_BOOT, processors: 1, signature: 0xa10f10, features: 1 }

/** Digests that sev-snp-measure 0.0.13 printed for the same files; `launch.deep.test.ts` asks it again. */
const SEV_LAUNCHES = [
  {
    what: 'one processor of EPYC-Genoa, direct boot',
    machine: { ...genoa, signature: cpuSignature('EPYC-Genoa') },
    digest:
      '46387670b089f3f41c041f0059c18791e66e389ea0a70e28a3639614bf604c7b0d94ccb468654e4aaa656adaac006144',
  },
  {
    what: 'four processors of EPYC-Milan, direct boot',
    machine: { ...genoa, processors: 4, signature: cpuSignature('EPYC-Milan') },
    digest:
      '8204f5f92d8b6695f6a3c63b86c62cf439b27e645d26b63575478d6fc7b2d57d5c5e58be30bd87130db90ec40344d575',
  },
  {
    what: 'two processors of EPYC-Turin, no direct boot',
    machine: {
      ...genoa,
      boot: undefined,
      processors: 2,
      signature: cpuSignature('EPYC-Turin'),
    },
    digest:
      'e9b94b4038e0770b9e98128dc70f89c161b06bbf4fd14ca3f110ebb9d528145160d0dd366ee31e7ab58a32fd596e47e6',
  },
] as const

describe('the launch digest of SEV-SNP', () => {
  test.each(SEV_LAUNCHES)('$what: as an independent tool computes it', async (launch) => {
    expect(hex(await sevLaunchDigest(launch.machine))).toBe(launch.digest)
  })

  const digestOf = async (change: object) => hex(await sevLaunchDigest({ ...genoa, ...change }))
  const other = new Uint8Array([1])
  test.each([
    ['kernel', { boot: { ...MADE_BOOT, kernel: other } }],
    ['initrd', { boot: { ...MADE_BOOT, initrd: other } }],
    ['command line', { boot: { ...MADE_BOOT, commandLine: 'debug' } }],
    ['number of processors', { processors: 2 }],
    ['CPU model', { signature: cpuSignature('EPYC-Turin') }],
    ['features', { features: 0x21 }],
  ])('another %s is another digest', async (_, change) => {
    expect(await digestOf(change)).not.toBe(await digestOf({}))
  })

  test('firmware without a place for hashes boots no kernel that it is handed', async () => {
    const spec = { resetAddress: 0, hashTable: 0, sections: [[0x800000, 4096, 2]] as const }
    const plain = parseFirmware(makeFirmware({ bytes: 65_536, sev: spec }))
    await expect(sevLaunchDigest({ ...genoa, firmware: plain })).rejects.toMatchObject({
      code: 'unsupported',
    })
  })

  test.each([0, 513, 1.5])('a machine of %d processors is none', async (processors) => {
    await expect(sevLaunchDigest({ ...genoa, processors })).rejects.toMatchObject({
      code: 'bad_machine',
    })
  })

  test('a CPU model that QEMU has no SEV-SNP guest for is named as such', () => {
    expect(() => cpuSignature('Skylake')).toThrow(/EPYC-Genoa/)
  })
})

describe('the launch of a TDX domain', () => {
  test('MRTD hashes each page that is added, and the contents of those that are extended', async () => {
    // Written again from the specification, with another library, page by page.
    const bytes = madeFirmware()
    const hash = createHash('sha384')
    const block = (name: string, gpa: number) => {
      const buffer = Buffer.alloc(128)
      buffer.write(name, 0, 'ascii')
      buffer.writeBigUInt64LE(BigInt(gpa), 16)
      hash.update(buffer)
    }
    for (let page = 0; page < 0x1a; page++) {
      const gpa = 0xfffe_6000 + page * 4096
      block('MEM.PAGE.ADD', gpa)
      for (let chunk = 0; chunk < 16; chunk++) {
        block('MR.EXTEND', gpa + chunk * 256)
        const at = 0x4000 + page * 4096 + chunk * 256
        hash.update(bytes.subarray(at, at + 256))
      }
    }
    for (let page = 0; page < 4; page++) block('MEM.PAGE.ADD', 0xfffe_0000 + page * 4096)
    for (let page = 0; page < 2; page++) block('MEM.PAGE.ADD', 0x80_9000 + page * 4096)
    expect(hex(await tdxMrtd(firmware))).toBe(hash.digest('hex'))
  })

  const boot = { ...MADE_BOOT, kernel: madeKernel() }
  const registersOf = async (change: object) => {
    const { rtmr1, rtmr2 } = await tdxRegisters({ ...boot, ...change })
    return { rtmr1: hex(rtmr1), rtmr2: hex(rtmr2) }
  }

  test('RTMR1 names the kernel as QEMU hands it over, RTMR2 command line and initrd', async () => {
    const sha384 = (...parts: (Uint8Array | string)[]) => {
      const hash = createHash('sha384')
      for (const part of parts) hash.update(part)
      return hash.digest()
    }
    const replay = (events: Buffer[]) =>
      events.reduce((register, event) => sha384(register, event), Buffer.alloc(48)).toString('hex')
    const kernel = Buffer.from(madeKernel())
    kernel.writeUInt8(0xb0, 0x210)
    kernel.writeUInt8(0x81, 0x211)
    kernel.writeUInt32LE(0xfe00, 0x224)
    kernel.writeUInt32LE(0x20000, 0x228)
    kernel.writeUInt32LE((0x7ffd7fff - 9) & ~0xfff, 0x218)
    kernel.writeUInt32LE(9, 0x21c)
    const image = sha384(
      kernel.subarray(0, 0x98),
      kernel.subarray(0x9c, 0xe8),
      kernel.subarray(0xf0, 0x2400),
      kernel.subarray(0x2400),
    )
    expect(
      await registersOf({ initrd: new TextEncoder().encode('an initrd').slice(0, 9) }),
    ).toEqual({
      rtmr1: replay([
        image,
        sha384('Calling EFI Application from Boot Option'),
        sha384(Buffer.alloc(4)),
        sha384('Exit Boot Services Invocation'),
        sha384('Exit Boot Services Returned with Success'),
      ]),
      rtmr2: replay([
        sha384(Buffer.from(`${MADE_BOOT.commandLine} initrd=initrd\0`, 'utf16le')),
        sha384('an initrd'.slice(0, 9)),
      ]),
    })
  })

  test.each([
    ['kernel', 'rtmr1', { kernel: madeKernel().fill(7, 0x1000, 0x1100) }],
    ['command line', 'rtmr2', { commandLine: 'debug' }],
    ['initrd', 'rtmr2', { initrd: new Uint8Array([2, 3]) }],
  ] as const)('another %s is another %s', async (_, register, change) => {
    expect((await registersOf(change))[register]).not.toBe((await registersOf({}))[register])
  })
})

describe('files that are not what their place asks for', () => {
  test.each([
    ['nothing', new Uint8Array()],
    ['half a page', new Uint8Array(2048)],
    ['more than a volume', new Uint8Array(68 * 1024 * 1024)],
  ])('firmware of %s', (_, bytes) => {
    expect(() => parseFirmware(bytes)).toThrow(/whole pages/)
  })

  test('firmware cut or changed in its tables is refused or read, never over-read', () => {
    const whole = madeFirmware()
    for (let i = 0; i < 4096; i++) {
      const bytes = whole.slice()
      const at = bytes.length - 8192 + ((i * 13) % 8192)
      bytes[at] = (bytes[at] ?? 0) ^ (1 + (i % 255))
      try {
        parseFirmware(bytes)
      } catch (error) {
        expect(error).toMatchObject({ code: 'bad_firmware' })
      }
    }
  })

  test('a page of zeros has neither layout', async () => {
    const blank = parseFirmware(new Uint8Array(4096))
    expect(blank).toMatchObject({ sev: undefined, tdx: undefined })
    await expect(tdxMrtd(blank)).rejects.toMatchObject({ code: 'unsupported' })
  })

  test.each([
    ['too short', new Uint8Array(100)],
    ['no Linux', new Uint8Array(0x2000)],
  ])('a kernel: %s', (_, kernel) => {
    expect(() => qemuKernel(kernel, 0)).toThrow(expect.objectContaining({ code: 'bad_kernel' }))
  })

  test('a kernel that is no PE image', async () => {
    const kernel = madeKernel().fill(0, 0x40, 0x44)
    await expect(authenticodeDigest('SHA-384', kernel)).rejects.toMatchObject({
      code: 'bad_kernel',
    })
  })

  test('a signature and the checksum are not part of what is measured', async () => {
    const kernel = madeKernel()
    const signed = new Uint8Array(kernel.length + 16).fill(9)
    signed.set(kernel)
    const view = new DataView(signed.buffer)
    view.setUint32(0x58 + 64, 0x1234, true)
    view.setUint32(0x58 + 112 + 32, kernel.length, true)
    view.setUint32(0x58 + 112 + 36, 16, true)
    expect(await authenticodeDigest('SHA-256', signed)).toEqual(
      await authenticodeDigest('SHA-256', kernel),
    )
  })
})
