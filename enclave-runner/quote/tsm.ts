import type { Random } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { base64, hex } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import type { GpuSource } from './nvidia.ts'
import { QuoteError } from './quote-error.ts'
import type { Quoter, TeeType } from './quoter.ts'

/** The kernel's report folder: `node:fs/promises` in production, a recorded device in tests. */
export interface TsmFiles {
  mkdir(path: string): Promise<unknown>
  rmdir(path: string): Promise<void>
  readFile(path: string): Promise<Uint8Array>
  writeFile(path: string, bytes: Uint8Array): Promise<void>
}

export interface TsmOptions {
  readonly files: TsmFiles
  /** Mount point of the report folder. */
  readonly root: string
  readonly random: Random
  /** The machine's GPUs. */
  readonly gpus: GpuSource
}

export const TSM_ROOT = '/sys/kernel/config/tsm/report'
const REPORT_DATA_BYTES = 64
const MAX_RACES = 5
const MAX_BLOB_BYTES = 1024 * 1024
const NAME_BYTES = 8

interface TsmReport {
  readonly provider: string
  readonly out: Bytes
  readonly aux: Bytes
}

/** How each kernel provider's report becomes evidence. */
const PROVIDERS: ReadonlyMap<string, { teeType: TeeType; evidence: (report: TsmReport) => Json }> =
  new Map([
    ['sev_guest', { teeType: 'sev-snp' as const, evidence: snpEvidence }],
    ['tdx_guest', { teeType: 'tdx' as const, evidence: tdxEvidence }],
  ])

/**
 * Quotes by Linux's configfs-tsm (6.7 and later), for SEV-SNP and TDX guests. Takes one report at once
 * to learn which of them this machine is.
 * @throws QuoteError
 * @see https://docs.kernel.org/ABI/testing/configfs-tsm (configfs-tsm-report)
 */
export async function openTsmQuoter(options: TsmOptions): Promise<Quoter> {
  const first = await takeReport(options, new Uint8Array(REPORT_DATA_BYTES))
  const provider = providerOf(first)
  return {
    teeType: provider.teeType,
    ...options.gpus,
    async quote(reportData) {
      if (reportData.length !== REPORT_DATA_BYTES) throw new RangeError('report data has 64 bytes')
      const report = await takeReport(options, reportData)
      return providerOf(report).evidence(report)
    },
  }
}

/**
 * 1. makes a report folder of our own, 2. writes the report data, 3. reads report and certificates,
 * 4. checks that nobody else wrote between: `generation` counts every write, 5. removes the folder.
 */
async function takeReport(options: TsmOptions, reportData: Bytes): Promise<TsmReport> {
  const { files } = options
  const folder = `${options.root}/cocoon-${hex(options.random(NAME_BYTES))}`
  await files.mkdir(folder).catch((cause: unknown) => {
    throw new QuoteError('device_missing', 'cannot make a TSM report folder', { cause })
  })
  try {
    for (let race = 0; race < MAX_RACES; race++) {
      const before = await readGeneration(files, folder)
      await files.writeFile(`${folder}/inblob`, reportData)
      const report = {
        provider: text(await readBlob(files, `${folder}/provider`)),
        out: await readBlob(files, `${folder}/outblob`),
        aux: await readBlob(files, `${folder}/auxblob`).catch(() => new Uint8Array()),
      }
      if ((await readGeneration(files, folder)) === before + 1) return report
    }
    throw new QuoteError('device_raced', 'another process keeps using the report folder')
  } finally {
    await files.rmdir(folder).catch(() => {})
  }
}

function providerOf(report: TsmReport) {
  const provider = PROVIDERS.get(report.provider)
  if (provider === undefined) {
    throw new QuoteError('device_malformed', 'the TSM provider is neither sev_guest nor tdx_guest')
  }
  return provider
}

/** The host's certificate table travels as it is: the verifier reads and judges it. */
function snpEvidence({ out, aux }: TsmReport): Json {
  const auxblob = aux.length === 0 ? {} : { auxblob: base64(aux) }
  return { type: 'sev-snp', report: base64(out), ...auxblob }
}

function tdxEvidence({ out }: TsmReport): Json {
  return { type: 'tdx', quote: base64(out) }
}

async function readGeneration(files: TsmFiles, folder: string): Promise<number> {
  const value = Number(text(await readBlob(files, `${folder}/generation`)))
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new QuoteError('device_malformed', 'the report generation is no number')
  }
  return value
}

async function readBlob(files: TsmFiles, path: string): Promise<Bytes> {
  const bytes = new Uint8Array(await files.readFile(path))
  if (bytes.length > MAX_BLOB_BYTES) throw new QuoteError('device_malformed', 'a blob is too long')
  return bytes
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).trim()
}
