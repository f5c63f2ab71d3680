import { type Bytes, utf8 } from '#base/bytes.ts'
import { makeSigner } from '../der.ts'
import { forgeIntel, type IntelForge } from '../intel.ts'
import { isoTime } from '../intel-tcb.ts'
import { tdxFlaws } from './intel-flaws.ts'
import { GOOD_TDX, TDX_STATUSES, type TdxRecipe } from './intel-recipes.ts'
import type { ForgedVectors, ManifestVector } from './vector-set.ts'

/** Forges the TDX vectors: one platform, every file once. */
export async function intelVectors(options: {
  readonly now: number
  readonly random: (length: number) => Bytes
}): Promise<ForgedVectors> {
  const forge = await forgeIntel(options)
  const chain = utf8(decodeURIComponent(await forge.issuerChain()))
  const files = new Map<string, Bytes>([
    ['tdx/root.der', forge.root],
    ['tdx/issuer-chain.pem', chain],
    ['tdx/tcb-info.json', await forge.tcbInfo()],
    ['tdx/qe-identity.json', await forge.qeIdentity()],
    ['tdx/pck.crl', await forge.crl()],
    ['tdx/root.crl', await forge.crl({ of: 'root' })],
  ])
  const stranger = await makeSigner('ecdsa-p256-sha256')
  const vectors: ManifestVector[] = []
  for (const recipe of [...GOOD_TDX, ...TDX_STATUSES, ...tdxFlaws(stranger)]) {
    vectors.push(await forgeVector(recipe, forge, options.now, files))
  }
  return { vectors, files }
}

async function forgeVector(
  recipe: TdxRecipe,
  forge: IntelForge,
  now: number,
  files: Map<string, Bytes>,
): Promise<ManifestVector> {
  const { id, reject, pck, tcbInfo, tcbInfoSigner: signer, qeIdentity, pckCrl, rootCrl } = recipe
  /** Path of this vector's own file, or of the one that all good vectors share. */
  const file = async (name: string, own: Promise<Bytes> | undefined): Promise<string> => {
    if (own === undefined) return `tdx/${name}`
    files.set(`tdx/${id}/${name}`, await own)
    return `tdx/${id}/${name}`
  }
  const chain = pck === undefined ? {} : { certification: utf8(`${await forge.pckChain(pck)}\0`) }
  const edited = tcbInfo !== undefined || signer !== undefined
  const info = { ...(tcbInfo && { edit: tcbInfo }), ...(signer && { signer }) }
  const roles: Record<string, string> = {
    [await file('quote.bin', forge.quote({ ...recipe.quote, ...chain }))]: 'quote',
    [await file('tcb-info.json', edited ? forge.tcbInfo(info) : undefined)]: 'tcb_info',
    [await file('qe-identity.json', qeIdentity && forge.qeIdentity({ edit: qeIdentity }))]:
      'qe_identity',
    [await file('pck.crl', pckCrl && forge.crl(pckCrl))]: 'pck_crl',
    [await file('root.crl', rootCrl && forge.crl({ of: 'root', ...rootCrl }))]: 'root_ca_crl',
    'tdx/issuer-chain.pem#tcb_info': 'tcb_info_issuer_chain',
    'tdx/issuer-chain.pem#qe_identity': 'qe_identity_issuer_chain',
    'tdx/root.der': 'test_root',
  }
  return {
    id: `forged-tdx-${id}`,
    technology: 'tdx',
    subject: 'quote',
    what: recipe.what,
    verdict: reject === undefined ? 'valid' : 'invalid',
    clock: isoTime(now + (recipe.later ?? 0)),
    reject: reject === undefined ? null : [reject],
    waive: ['measurement-pin', 'report-data-pin', ...(recipe.waive ?? [])],
    anchors: 'tdx/root.der',
    roles,
    encoding: {},
    expect: { fmspc: forge.fmspc, pce_id: forge.pceId, ...recipe.expect },
  }
}
