import { type Bytes, concat, fromHex, hex, utf8 } from '#base/bytes.ts'
import { digestOf } from './digest.ts'

/** The names under which the Registry lists things: SHA-256 of a labelled preimage, lower-case hex. */

async function sha256Hex(...parts: readonly Uint8Array[]): Promise<string> {
  return hex(await digestOf('SHA-256', concat(...parts)))
}

/** The measured registers that identify an image, by technology. RTMR3 is proven by replay instead. */
export type ImagePreimage =
  | { readonly technology: 'sev-snp'; readonly measurement: Bytes }
  | {
      readonly technology: 'tdx'
      readonly mrtd: Bytes
      readonly rtmr1: Bytes
      readonly rtmr2: Bytes
    }

const REGISTER_BYTES = 48

/** The canonical preimage: a label with a NUL, then 48-byte registers, so no two images share one. */
export function imagePreimage(image: ImagePreimage): Bytes {
  const registers =
    image.technology === 'sev-snp' ? [image.measurement] : [image.mrtd, image.rtmr1, image.rtmr2]
  if (registers.some(({ length }) => length !== REGISTER_BYTES)) {
    throw new TypeError('measured registers have 48 bytes')
  }
  return concat(utf8(`${image.technology}-v1\0`), ...registers)
}

/** Registry kind 0. */
export function imageHash(image: ImagePreimage): Promise<string> {
  return sha256Hex(imagePreimage(image))
}

/**
 * Registry kind 1: `model-v1\0 || model id || \0 || SHA-256 of the weights`.
 * @param weights "sha256:<64 hex>"
 */
export function modelHash(model: string, weights: string): Promise<string> {
  const digest = /^sha256:([0-9a-f]{64})$/.exec(weights)?.[1]
  if (digest === undefined) throw new RangeError('weights are not sha256:<hex>')
  if (model.includes('\0')) throw new RangeError('model id holds a NUL')
  return sha256Hex(utf8(`model-v1\0${model}\0`), fromHex(digest))
}

/** Registry kind 4: `platform-v1\0 || hardware id`, a hardware id being what a verdict's `hardware` says. */
export function platformHash(hardware: string): Promise<string> {
  return sha256Hex(utf8(`platform-v1\0${hardware}`))
}

/**
 * The digest of GPU evidence that the keyset's subject names, so that the CPU's report vouches for exactly
 * these devices and their number: SHA-256 over SHA-256(evidence) || SHA-256(certificate chain), in order.
 * Both parts are the bytes that the wire carries in base64.
 */
export async function gpuEvidenceDigest(
  devices: readonly { readonly evidence: Bytes; readonly certificate: Bytes }[],
): Promise<string> {
  const parts: Uint8Array[] = []
  for (const { evidence, certificate } of devices) {
    for (const bytes of [evidence, certificate]) {
      parts.push(await digestOf('SHA-256', bytes))
    }
  }
  return sha256Hex(...parts)
}
