import { type Bytes, fromUtf8, utf8 } from '#base/bytes.ts'
import { type Json, jcs } from '#base/jcs.ts'
import type { Nano } from '#base/nano.ts'
import type { Texts } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { modelId } from './ids.ts'
import {
  amount,
  exact,
  hexOf,
  literal,
  oneOf,
  type Parsed,
  parseJson,
  seconds,
  text,
} from './parse.ts'

/**
 * What a cocoon/1 body is sealed for: the runner recomputes its hash, so the gateway can neither reroute
 * path, model or session nor strip the end frame, padding or the hybrid key (H8).
 * @see SPEC.md section 3
 */
const headParser = exact({
  method: literal('POST'),
  path: text(200, /^\/v1\/[a-z0-9/_-]+$/),
  model: modelId,
  /** Content address of the ACI session whose keyset the sealer verified. */
  session: hexOf(32),
  suite: oneOf('ehbp-x25519', 'ehbp-mlkem768-x25519'),
  end: literal(true),
  pad: literal(true),
  encoding: literal('identity'),
  /** Most that the caller will pay for this request. */
  maxCost: amount,
  notAfter: seconds,
})

export type SealedHead = Parsed<typeof headParser>

/** The head with its canonical bytes: the header's value and what the hash is taken over. */
export interface EncodedHead {
  readonly head: SealedHead
  readonly canonical: Bytes
  /** base64url of `canonical`: the value of `x-cocoon-head`. */
  readonly header: string
}

const MAX_HEAD_CHARACTERS = 2048

/** The members that a caller chooses; the rest is fixed by the version. */
export interface HeadInput {
  readonly path: string
  readonly model: string
  readonly session: string
  readonly maxCost: Nano
  /** Unix seconds. */
  readonly notAfter: number
}

export function encodeHead(
  texts: Texts,
  input: HeadInput,
  suite: SealedHead['suite'],
): EncodedHead {
  const members: Json = {
    encoding: 'identity',
    end: true,
    maxCost: input.maxCost.toString(),
    method: 'POST',
    model: input.model,
    notAfter: input.notAfter,
    pad: true,
    path: input.path,
    session: input.session,
    suite,
  }
  const canonical = utf8(jcs(members))
  return { head: headParser(members, 'head'), canonical, header: texts.base64url(canonical) }
}

/** Parses `x-cocoon-head`, refusing anything but the one canonical encoding. */
export function decodeHead(texts: Texts, header: string): EncodedHead {
  if (header.length > MAX_HEAD_CHARACTERS) {
    throw new ProtocolError(
      'header_invalid',
      `head is longer than ${MAX_HEAD_CHARACTERS} characters`,
    )
  }
  let canonical: Bytes
  let source: string
  try {
    canonical = texts.fromBase64url(header)
    source = fromUtf8(canonical)
  } catch {
    throw new ProtocolError('header_invalid', 'head is not base64url of UTF-8')
  }
  const value = parseJson(source)
  const head = headParser(value, 'head')
  // Sound: the parser above accepted it, so that it is an object of strings, numbers and booleans.
  if (jcs(value as Json) !== source) {
    throw new ProtocolError('header_invalid', 'head is not in canonical form')
  }
  return { head, canonical, header }
}
