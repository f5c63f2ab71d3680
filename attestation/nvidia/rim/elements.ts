import { demand } from '../../errors.ts'
import type { XmlElement } from './xml.ts'

/** Namespaces of a signed SWID tag. */
export const NS = {
  swid: 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd',
  rim: 'https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/',
  sha384: 'http://www.w3.org/2001/04/xmlenc#sha384',
  ds: 'http://www.w3.org/2000/09/xmldsig#',
} as const

/** Readers of single elements: each refuses whatever it was not asked for. */

export function isElement(element: XmlElement, uri: string, local: string): boolean {
  return element.uri === uri && element.local === local
}

/** The child elements of an element that holds no text but white space. */
export function childElements(element: XmlElement): readonly XmlElement[] {
  const elements: XmlElement[] = []
  for (const child of element.children) {
    if (typeof child !== 'string') elements.push(child)
    else demand(child.trim() === '', 'parse', `text inside XML element ${element.local}`)
  }
  return elements
}

/** Exactly these children of one namespace, in this order. */
export function exactChildren<const Names extends readonly string[]>(
  element: XmlElement,
  uri: string,
  names: Names,
): { readonly [I in keyof Names]: XmlElement } {
  const children = childElements(element)
  const exact =
    children.length === names.length &&
    children.every((child, i) => isElement(child, uri, names[i] ?? ''))
  demand(exact, 'parse', `XML element ${element.local} does not hold ${names.join(', ')}`)
  // Sound: as many elements as names, compared just above.
  return children as unknown as { readonly [I in keyof Names]: XmlElement }
}

/** The text of an element without child elements and attributes. */
export function textOf(element: XmlElement): string {
  const [text = '', ...more] = element.children
  const plain = typeof text === 'string' && more.length === 0 && element.attributes.length === 0
  demand(plain, 'parse', `XML element ${element.local} is not plain text`)
  return text
}

/** An attribute's value; undefined when the element has none of this name. */
export function attribute(element: XmlElement, local: string, uri = ''): string | undefined {
  return element.attributes.find((entry) => entry.uri === uri && entry.local === local)?.value
}

/** Exactly one attribute, of this name and value. */
export function demandOnlyAttribute(element: XmlElement, local: string, value: string): void {
  const exact = element.attributes.length === 1 && attribute(element, local) === value
  demand(exact, 'parse', `XML element ${element.local} is not ${local}="${value}"`)
}
