import { beforeAll } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, concat, fromHex } from '#base/bytes.ts'
import { type AmdForge, forgeAmd } from '#dev/forge/amd.ts'
import type { SnpReportFields } from '#dev/forge/amd-report.ts'
import type { VekOptions } from '#dev/forge/amd-vek.ts'
import { type CrlFields, makeSigner, type Signer } from '#dev/forge/der.ts'
import type { SevProduct, SevRoot } from '../../anchors.ts'
import type { Check } from '../../checks.ts'
import type { Collateral, CollateralEntry } from '../../collateral/entry.ts'
import { AttestationError } from '../../errors.ts'
import { appraiseSev } from '../appraise.ts'
import { crlName, parseSevEvidence } from '../evidence.ts'
import { DEFAULT_SEV_POLICY, type SevPolicy } from '../policy.ts'
import { proveSev } from '../prove.ts'
import type { SevTcb } from '../tcb.ts'
import type { SevFloor } from '../tcb-floors.ts'
import type { VekKind } from '../vek.ts'

export const NOW = 1_764_000_000
export const YEAR = 31_536_000
export const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
const forges = new Map<SevProduct, AmdForge>()
let strange: Signer | undefined

/** Forges every product's roots once for the tests of a file. */
export function useForges(): void {
  beforeAll(async () => {
    for (const product of ['Milan', 'Genoa', 'Turin'] as const) {
      forges.set(product, await forgeAmd({ random, now: NOW, product }))
    }
    strange = await makeSigner('rsa-pss-sha384')
  })
}

/** A key that nobody vouches for. */
export function stranger(): Signer {
  if (strange === undefined) throw new Error('useForges makes it before the first test')
  return strange
}

export function forgeOf(product: SevProduct): AmdForge {
  const forge = forges.get(product)
  if (forge === undefined) throw new Error(`no forge for ${product}`)
  return forge
}

export interface Case {
  readonly product?: SevProduct
  readonly kind?: VekKind
  readonly report?: Partial<SnpReportFields>
  readonly vek?: VekOptions
  /** Replaces the certificate that travels with the evidence. */
  readonly vekBytes?: Bytes
  readonly withoutVek?: boolean
  /** The host's certificate table, in place of that certificate. */
  readonly table?: Bytes
  readonly crl?: (Partial<CrlFields> & { readonly signer?: Signer }) | 'absent' | Bytes
  readonly now?: number
  readonly root?: Partial<SevRoot>
  readonly chain?: readonly Bytes[]
  readonly policy?: Partial<SevPolicy>
  readonly collateral?: readonly CollateralEntry[]
}

// Sound: the types have no undefined member, with which a spread takes the pinned intermediate out.
export const NO_ASK = { ask: undefined } as unknown as Partial<SevRoot>

export const NO_TCB: SevTcb = { fmc: 0, bl: 0, tee: 0, snp: 0, ucode: 0 }
export const ANY: SevFloor = {
  tcb: NO_TCB,
  ucodeBySilicon: 'any',
  firmware: { major: 0, minor: 0, build: 0 },
}
const POLICY: SevPolicy = {
  ...DEFAULT_SEV_POLICY,
  floors: { ...DEFAULT_SEV_POLICY.floors, Milan: ANY },
  cspIds: ['CN=cc-forged.example'],
}

/** Forges one piece of evidence and judges it; the checks of proof and appraisal in order. */
export async function judge(item: Case): Promise<readonly Check[]> {
  const forge = forgeOf(item.product ?? 'Genoa')
  const kind = item.kind ?? 'vcek'
  const now = unixSeconds(item.now ?? NOW)
  const report = await forge.report({ kind, ...item.report })
  const vek =
    item.withoutVek || item.table !== undefined
      ? undefined
      : (item.vekBytes ?? (await forge.vek({ kind, ...item.vek })))
  const collateral: Map<string, CollateralEntry> = new Map(await crlEntry(forge, kind, item.crl))
  for (const entry of item.collateral ?? []) collateral.set(entry.name, entry)
  const evidence = parseSevEvidence({ report, vek, chain: item.chain, auxiliary: item.table })
  const root: SevRoot = { ...forge.root, ...item.root }
  const proof = await proveSev({ evidence, collateral, now, anchors: [root] })
  if (!proof.proven) return proof.checks
  return [...proof.checks, ...appraiseSev(proof.facts, { ...POLICY, ...item.policy })]
}

export async function crlEntry(
  forge: AmdForge,
  kind: VekKind,
  given: Case['crl'],
): Promise<Collateral> {
  if (given === 'absent') return new Map()
  const body = given instanceof Uint8Array ? given : await forge.crl(given ?? {})
  const name = crlName(forge.product, kind)
  return new Map([[name, { name, body, headers: {}, fetchedAt: unixSeconds(NOW) }]])
}

const TABLE_GUIDS = {
  vcek: '8d75da6364e66445adc5f4b93be8accd',
  vlek: 'c24b07a85aa23e48aae639c045a0b8a1',
} as const

/** A host's certificate table of good certificates. */
export async function hostsTable(...kinds: readonly VekKind[]): Promise<Bytes> {
  const forge = forgeOf('Genoa')
  const certificates = await Promise.all(kinds.map((kind) => forge.vek({ kind })))
  const head = new Uint8Array((kinds.length + 1) * 24)
  const view = new DataView(head.buffer)
  let end = head.length
  for (const [i, kind] of kinds.entries()) {
    const length = certificates[i]?.length ?? 0
    head.set(fromHex(TABLE_GUIDS[kind]), i * 24)
    view.setUint32(i * 24 + 16, end, true)
    view.setUint32(i * 24 + 20, length, true)
    end += length
  }
  return concat(head, ...certificates)
}

export async function failuresOf(item: Case): Promise<string[]> {
  const checks = await judge(item)
  return checks.flatMap((check) => (check.status === 'fail' ? [`${check.id} ${check.code}`] : []))
}

/** Parsing fails before any check: the code under which the evidence is refused. */
export async function parseCode(item: Case): Promise<string> {
  try {
    await judge(item)
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
  throw new Error('parsed')
}
