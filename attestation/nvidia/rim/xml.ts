import { type Bytes, fromUtf8 } from '#base/bytes.ts'
import { AttestationError, demand, parsing } from '../../errors.ts'

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
  /** Empty for the default namespace. */
  readonly prefix: string
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
const OPEN = new RegExp(`<(?:(${NAME}):)?(${NAME})`, 'y')
// Values hold no "&", "<" or control character, so each has one reading and one canonical form.
const ATTRIBUTE = new RegExp(
  `[ \\n\\t]+(?:(${NAME}):)?(${NAME})="([\\x20\\x21\\x23-\\x25\\x27-\\x3b=-~]*)"`,
  'y',
)
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
  const text = parsing('XML', () => fromUtf8(bytes))
  demand(CHARACTERS.test(text), 'parse', 'XML holds characters outside its ASCII subset')
  return new XmlParser(text).document()
}

/** One pass, no recursion: open elements are a stack. */
class XmlParser {
  readonly #text: string
  readonly #open: OpenElement[] = []
  #at = 0
  #elements = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): XmlElement {
    this.#match(/[ \n\t]*/y)
    let root: XmlElement | undefined
    while (root === undefined) root = this.#node()
    this.#match(/[ \n\t]*/y)
    demand(this.#at === this.#text.length, 'parse', 'XML has content after its root element')
    return root
  }

  /** Consumes one tag or text; returns the root once its end is consumed. */
  #node(): XmlElement | undefined {
    const text = this.#open.length > 0 ? this.#match(TEXT) : undefined
    if (text !== undefined) {
      this.#open[this.#open.length - 1]?.children.push(text[0])
      return undefined
    }
    const close = this.#match(CLOSE)
    if (close !== undefined) {
      const element = this.#open.pop()
      demand(element !== undefined && element.name === close[1], 'parse', 'XML tags do not nest')
      return this.#finish(element)
    }
    const element = this.#openTag()
    const end = this.#match(OPEN_END)
    demand(end !== undefined, 'parse', 'XML tag is malformed')
    if (end[1] === '/') return this.#finish(element)
    this.#open.push(element)
    demand(this.#open.length <= MAX_DEPTH, 'parse', `XML nests deeper than ${MAX_DEPTH}`)
    return undefined
  }

  #finish(element: OpenElement): XmlElement | undefined {
    const parent = this.#open[this.#open.length - 1]
    if (parent === undefined) return element
    parent.children.push(element)
    return undefined
  }

  #openTag(): OpenElement {
    const open = this.#match(OPEN)
    // Anything else that may start here (comment, DOCTYPE, CDATA, reference) is outside the subset.
    demand(open !== undefined, 'parse', 'XML markup outside the accepted subset')
    this.#elements += 1
    demand(this.#elements <= MAX_ELEMENTS, 'parse', `more than ${MAX_ELEMENTS} XML elements`)
    const [, prefix = '', local = ''] = open
    const { written, declared } = this.#attributes()
    const parent = this.#open[this.#open.length - 1]
    const inherited = parent?.scope ?? new Map<string, string>()
    const scope = declared.size === 0 ? inherited : new Map([...inherited, ...declared])
    const uri = prefix === '' ? (scope.get('') ?? '') : resolve(scope, prefix)
    const name = qualified(prefix, local)
    return { name, prefix, local, uri, attributes: bind(written, scope), scope, children: [] }
  }

  #attributes(): { written: WrittenAttribute[]; declared: Map<string, string> } {
    const written: WrittenAttribute[] = []
    const declared = new Map<string, string>()
    for (let match = this.#match(ATTRIBUTE); match !== undefined; match = this.#match(ATTRIBUTE)) {
      const [, prefix = '', local = '', value = ''] = match
      const isDeclaration = prefix === 'xmlns' || (prefix === '' && local === 'xmlns')
      if (isDeclaration) declare(declared, prefix === '' ? '' : local, value)
      else written.push({ prefix, local, value })
      demand(written.length + declared.size <= MAX_ATTRIBUTES, 'parse', 'too many XML attributes')
    }
    return { written, declared }
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match === null) return undefined
    this.#at = pattern.lastIndex
    return match
  }
}

interface WrittenAttribute {
  readonly prefix: string
  readonly local: string
  readonly value: string
}

function declare(declared: Map<string, string>, prefix: string, uri: string): void {
  demand(!declared.has(prefix), 'parse', 'XML namespace is declared twice')
  // Reserved names, and xmlns="" (which un-declares): their canonical form has special cases.
  const reserved = prefix.toLowerCase().startsWith('xml')
  demand(!reserved && ABSOLUTE_URI.test(uri), 'parse', 'XML namespace declaration')
  declared.set(prefix, uri)
}

function resolve(scope: ReadonlyMap<string, string>, prefix: string): string {
  const uri = scope.get(prefix)
  // Also refuses xml:id, xml:lang and the like, which canonicalisation would inherit.
  if (uri === undefined) throw new AttestationError('parse', 'XML prefix is not declared')
  return uri
}

function bind(
  written: readonly WrittenAttribute[],
  scope: ReadonlyMap<string, string>,
): XmlAttribute[] {
  const attributes = written.map(({ prefix, local, value }) => {
    const uri = prefix === '' ? '' : resolve(scope, prefix)
    return { name: qualified(prefix, local), local, uri, value }
  })
  const distinct = new Set(attributes.map(({ uri, local }) => `${uri} ${local}`))
  demand(distinct.size === attributes.length, 'parse', 'XML attribute appears twice')
  return attributes
}

function qualified(prefix: string, local: string): string {
  return prefix === '' ? local : `${prefix}:${local}`
}
