import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { dcapQvl } from './dcap-qvl.ts'
import { gpuVerdicts, snpVerdicts, tdxVerdicts } from './evidence.ts'
import { cpuUs, type Section } from './section.ts'

interface Figure {
  /** Wall time of the first verdict, in milliseconds: nothing is warm yet. */
  readonly firstMs: number
  /** CPU of one warm verdict, in microseconds: the least of ten equal rounds. */
  readonly warmUs: number
  /** What the heap grew by over all rounds, in bytes. */
  readonly grown: number
}

const ROUNDS = 10
/** Verifications before the heap is first measured: caches are full and code is optimised. */
const WARM_UP = 300

/**
 * Verdicts on forged evidence, 5,000 (`--quick`: 500) of each kind, and @phala/dcap-qvl on a quote of the same TDX
 * machine in the same run.
 */
export async function attestationSection(quick: boolean): Promise<Section> {
  const runs = quick ? 500 : 5_000
  const snp = await measured(runs, await snpVerdicts())
  const machine = await tdxVerdicts()
  const tdx = await measured(runs, machine.verify)
  const local = await measured(runs, await gpuVerdicts('local'))
  const nras = await measured(runs / 10, await gpuVerdicts('nras'))
  const peer = await measured(runs / 10, await dcapQvl(machine))
  const ratio = `${(peer.warmUs / tdx.warmUs).toFixed(1)} × ours`
  return {
    title: `Attestation: CPU per verdict, one core, ${runs.toLocaleString('en')} of each`,
    header: ['evidence', 'first', 'warm', 'heap growth', ''],
    rows: [
      row('SEV-SNP (Genoa, version 5)', snp),
      row('TDX (version 5, TDX 1.5)', tdx),
      row('@phala/dcap-qvl 0.3.9 on such a quote', peer, ratio),
      row('one H100, local', local),
      row('one H100, by NRAS tokens', nras),
    ],
    note:
      'NRAS and dcap-qvl: a tenth as many. ' +
      'Warm: signatures of shared collateral are verified once, those of evidence and tokens every time.\n' +
      'dcap-qvl checks no revocation list’s signature or dates and no TDX module identity; ours does.',
  }
}

function row(name: string, { firstMs, warmUs, grown }: Figure, remark = ''): string[] {
  const kib = Math.max(0, grown) / 1024
  return [name, `${firstMs.toFixed(1)} ms`, ms(warmUs), `${kib.toFixed(0)} KiB`, remark]
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(2)} ms`
}

async function measured(runs: number, verify: () => unknown): Promise<Figure> {
  const start = performance.now()
  await verify()
  const firstMs = performance.now() - start
  for (let i = 0; i < Math.min(runs, WARM_UP); i++) await verify()
  const before = heapBytes()
  let warmUs = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const us = await cpuUs(async () => {
      for (let i = 0; i < runs / ROUNDS; i++) await verify()
    })
    warmUs = Math.min(warmUs, us / (runs / ROUNDS))
  }
  return { firstMs, warmUs, grown: heapBytes() - before }
}

setFlagsFromString('--expose-gc')
// Sound: the flag above makes every new context have it.
const collectGarbage = runInNewContext('gc') as () => void

function heapBytes(): number {
  // Twice: the first run frees what finalisers still hold.
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}
