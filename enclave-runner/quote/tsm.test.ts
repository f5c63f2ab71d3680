import { describe, expect, test } from 'vitest'
import type { Bytes } from '#base/bytes.ts'
import { base64, concat, utf8 } from '#base/bytes.ts'
import { NO_GPU } from './nvidia.ts'
import type { TsmFiles } from './tsm.ts'
import { openTsmQuoter } from './tsm.ts'

/** The kernel's report folder as its ABI document describes it, over a device that echoes. */
function device(provider: string, options: { aux?: Bytes; races?: number } = {}) {
  const folders = new Map<string, { data: Bytes; generation: number }>()
  let races = options.races ?? 0
  const files: TsmFiles = {
    async mkdir(path) {
      folders.set(path, { data: new Uint8Array(), generation: 0 })
    },
    async rmdir(path) {
      folders.delete(path)
    },
    async writeFile(path, bytes) {
      const folder = folders.get(path.slice(0, path.lastIndexOf('/')))
      if (folder === undefined) throw new Error('ENOENT')
      folder.data = new Uint8Array(bytes)
      folder.generation += races-- > 0 ? 2 : 1
    },
    async readFile(path) {
      const folder = folders.get(path.slice(0, path.lastIndexOf('/')))
      if (folder === undefined) throw new Error('ENOENT')
      const name = path.slice(path.lastIndexOf('/') + 1)
      if (name === 'provider') return utf8(`${provider}\n`)
      if (name === 'generation') return utf8(`${folder.generation}\n`)
      if (name === 'outblob') return concat(utf8('report over '), folder.data)
      if (name === 'auxblob' && options.aux !== undefined) return options.aux
      throw new Error('ENOENT')
    },
  }
  return { files, folders }
}

const open = (files: TsmFiles) =>
  openTsmQuoter({
    files,
    root: '/tsm',
    random: (length) => new Uint8Array(length).fill(9),
    gpus: NO_GPU,
  })

describe('quotes by configfs-tsm', () => {
  test('an SNP guest gets its report with the certificate table that the host gave', async () => {
    const aux = utf8('table')
    const { files, folders } = device('sev_guest', { aux })
    const quoter = await open(files)
    const reportData = new Uint8Array(64).fill(3)
    expect(quoter.teeType).toBe('sev-snp')
    expect(await quoter.quote(reportData)).toEqual({
      type: 'sev-snp',
      report: base64(concat(utf8('report over '), reportData)),
      auxblob: base64(aux),
    })
    expect(folders.size).toBe(0)
  })

  test('a TDX guest gets a quote', async () => {
    const quoter = await open(device('tdx_guest').files)
    expect(await quoter.quote(new Uint8Array(64))).toMatchObject({ type: 'tdx' })
  })

  test('a report that another writer raced is taken again, but not for ever', async () => {
    await expect(open(device('sev_guest', { races: 3 }).files)).resolves.toBeDefined()
    await expect(open(device('sev_guest', { races: 99 }).files)).rejects.toMatchObject({
      code: 'device_raced',
    })
  })

  test('a machine without the device says so', async () => {
    const { files } = device('sev_guest')
    const broken = { ...files, mkdir: () => Promise.reject(new Error('EPERM')) }
    await expect(open(broken)).rejects.toMatchObject({ code: 'device_missing' })
    await expect(open(device('arm_cca').files)).rejects.toMatchObject({ code: 'device_malformed' })
  })
})
