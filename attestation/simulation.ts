import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, base64, fromBase64 } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import type { SevProduct, TrustAnchors } from './anchors.ts'
import { encodeBundle, parseBundle } from './collateral/bundle.ts'
import type { Collateral } from './collateral/entry.ts'

/**
 * The roots of a development world and what they signed. Whoever passes them on accepts evidence that proves
 * nothing: the verdict then says `simulated` (H17).
 */
export interface Simulation {
  readonly anchors: TrustAnchors
  readonly collateral: Collateral
}

const WEEK_SECONDS = 7 * 86_400
const PRODUCTS: readonly SevProduct[] = ['Milan', 'Genoa', 'Turin']

/** @param simulation.created unix seconds */
export function simulationJson(simulation: Simulation & { readonly created: UnixSeconds }): Json {
  const { anchors, collateral, created } = simulation
  const sev = anchors.sev.map(({ product, ark, ask, asvk }) => ({
    product,
    ark: base64(ark),
    ...(ask === undefined ? {} : { ask: base64(ask) }),
    ...(asvk === undefined ? {} : { asvk: base64(asvk) }),
  }))
  return {
    simulated: true,
    sev,
    intel: anchors.intel.map(base64),
    nvidia_device: anchors.nvidiaDevice.map(base64),
    nvidia_rim: anchors.nvidiaRim.map(base64),
    nras: { issuer: anchors.nras.issuer, roots: anchors.nras.roots.map(base64) },
    collateral: encodeBundle({ created, collateral }),
  }
}

/** @throws RangeError */
export function parseSimulation(value: unknown, now: UnixSeconds): Simulation {
  if (member(value, 'simulated') !== true) throw new RangeError('not a simulation file')
  return {
    anchors: {
      sev: listOf(value, 'sev').map(readRoot),
      intel: listOf(value, 'intel').map(readDer),
      nvidiaDevice: listOf(value, 'nvidia_device').map(readDer),
      nvidiaRim: listOf(value, 'nvidia_rim').map(readDer),
      nras: readNras(member(value, 'nras')),
    },
    collateral: parseBundle(member(value, 'collateral'), { now, maxAgeSeconds: WEEK_SECONDS })
      .collateral,
  }
}

function member(value: unknown, name: string): unknown {
  // Sound: any object may be asked for a member; what it is, the caller checks.
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined
}

function textMember(value: unknown, name: string): string | undefined {
  const text = member(value, name)
  return typeof text === 'string' ? text : undefined
}

function listOf(value: unknown, name: string): readonly unknown[] {
  const list = member(value, name)
  if (!Array.isArray(list)) throw new RangeError('no roots')
  return list
}

function readDer(text: unknown): Bytes {
  if (typeof text !== 'string') throw new RangeError('not base64')
  return fromBase64(text)
}

function readNras(value: unknown): TrustAnchors['nras'] {
  const issuer = textMember(value, 'issuer')
  if (issuer === undefined) throw new RangeError('no issuer')
  return { issuer, roots: listOf(value, 'roots').map(readDer) }
}

function readRoot(root: unknown): TrustAnchors['sev'][number] {
  const product = PRODUCTS.find((name) => name === member(root, 'product'))
  if (product === undefined) throw new RangeError('unknown product')
  const ask = textMember(root, 'ask')
  const asvk = textMember(root, 'asvk')
  return {
    product,
    ark: fromBase64(textMember(root, 'ark') ?? ''),
    ...(ask === undefined ? {} : { ask: fromBase64(ask) }),
    ...(asvk === undefined ? {} : { asvk: fromBase64(asvk) }),
  }
}
