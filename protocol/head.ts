import { type Bytes, fromUtf8, utf8 } from '#base/bytes.ts'
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
  const { path, model, session, maxCost, notAfter } = input
  const fixed = { method: 'POST', end: true, pad: true, encoding: 'identity' } as const
  const head: SealedHead = { ...fixed, path, model, session, suite, maxCost, notAfter }
  const canonical = utf8(canonicalText(head))
  return { head, canonical, header: texts.base64url(canonical) }
}

/** JCS of a head: its members are written in order, and its strings and integers are JCS as they are. */
function canonicalText(head: SealedHead): string {
  return JSON.stringify({
    encoding: head.encoding,
    end: head.end,
    maxCost: head.maxCost.toString(),
    method: head.method,
    model: head.model,
    notAfter: head.notAfter,
    pad: head.pad,
    path: head.path,
    session: head.session,
    suite: head.suite,
  })
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
  const head = headParser(parseJson(source), 'head')
  if (canonicalText(head) !== source) {
    throw new ProtocolError('header_invalid', 'head is not in canonical form')
  }
  return { head, canonical, header }
}
