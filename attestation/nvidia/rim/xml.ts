import type { Bytes } from '#base/bytes.ts'
import { AttestationError, demand } from '../../errors.ts'

/** An attribute that is not a namespace declaration. */
export interface XmlAttribute {
  /** Qualified name as written, "ns2:Hash0". */
  readonly name: string
  readonly local: string
  /** Namespace URI; empty when the name has no prefix. */
  readonly uri: string
  readonly value: string
}

export interface XmlElement {
  /** Qualified name as written, "ns0:Payload". */
  readonly name: string
  readonly local: string
  readonly uri: string
  readonly attributes: readonly XmlAttribute[]
  /** Every namespace in scope here: prefix ("" for the default one) → URI. */
  readonly scope: ReadonlyMap<string, string>
  readonly children: readonly (XmlElement | string)[]
}

const MAX_DOCUMENT_BYTES = 262_144
const MAX_DEPTH = 16
const MAX_ELEMENTS = 4_096
const MAX_ATTRIBUTES = 64

const NAME = '[A-Za-z_][A-Za-z0-9_.-]*'
// Values hold no "&", "<" or control character, so they have one reading and one canonical form.
const ATTRIBUTE = new RegExp(`[ \\n\\t]+(?:(${NAME}):)?(${NAME})="([^"&<\\x00-\\x1f]*)"`, 'y')
const OPEN = new RegExp(`<(?:(${NAME}):)?(${NAME})`, 'y')
const OPEN_END = /[ \n\t]*(\/?)>/y
const CLOSE = new RegExp(`</((?:${NAME}:)?${NAME})[ \\n\\t]*>`, 'y')
const TEXT = /[^<>&]+/y
// Printable ASCII, line feed and tab: no other character occurs in a genuine document.
const CHARACTERS = /^[\x20-\x7e\n\t]*$/
// Relative URIs have no defined canonical form.
const ABSOLUTE_URI = /^[a-z]+:/

/** An element whose end has not been seen. */
interface OpenElement extends XmlElement {
  readonly children: (XmlElement | string)[]
}

/**
 * Parses the subset of XML that signed SWID tags use, and refuses everything else: no DOCTYPE, processing
 * instruction, XML declaration, comment, CDATA, entity or character reference, no carriage return, nothing but
 * ASCII. What is left has exactly one reading, which is what makes a signature over it mean something.
 * @throws AttestationError parse or too-large
 * @see https://www.w3.org/TR/xml/ and https://www.w3.org/TR/xml-names/
 */
export function parseXml(bytes: Bytes): XmlElement {
  demand(bytes.length <= MAX_DOCUMENT_BYTES, 'too-large', `XML of ${bytes.length} bytes`)
  const source = String.fromCharCode.apply
  const text = latin1(bytes, source)
  demand(CHARACTERS.test(text), 'parse', 'XML holds characters outside its ASCII subset')
  return new XmlParser(text).document()
}

function latin1(bytes: Bytes, apply: typeof String.fromCharCode.apply): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 0x2000) {
    text += apply.call(String.fromCharCode, null, [...bytes.subarray(at, at + 0x2000)])
  }
  return text
}
