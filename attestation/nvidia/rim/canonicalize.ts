import type { XmlElement } from './xml.ts'

/**
 * The canonical form (Canonical XML 1.1, inclusive, without comments) of an element and what is inside it, as
 * a document subset whose apex is this element; `omit` leaves one child of the apex out, as the enveloped
 * signature transform does. The parser's subset has no characters that need escaping, no xml: attributes and no
 * un-declared namespace, so this is the whole algorithm.
 * @see https://www.w3.org/TR/xml-c14n11/ section 2.3
 */
export function canonicalize(apex: XmlElement, omit?: XmlElement): string {
  return render(apex, new Map(), omit)
}

function render(
  element: XmlElement,
  rendered: ReadonlyMap<string, string>,
  omit: XmlElement | undefined,
): string {
  // Namespaces that the output's nearest element does not already carry; default first, then by prefix.
  const fresh = [...element.scope].filter(([prefix, uri]) => rendered.get(prefix) !== uri)
  const namespaces = fresh
    .toSorted(([a], [b]) => compare(a, b))
    .map(([prefix, uri]) => ` ${prefix === '' ? 'xmlns' : `xmlns:${prefix}`}="${uri}"`)
  const attributes = element.attributes
    .toSorted((a, b) => compare(a.uri, b.uri) || compare(a.local, b.local))
    .map(({ name, value }) => ` ${name}="${value}"`)
  const children = element.children.map((child) => {
    if (typeof child === 'string') return child
    return child === omit ? '' : render(child, element.scope, undefined)
  })
  const { name } = element
  return `<${name}${namespaces.join('')}${attributes.join('')}>${children.join('')}</${name}>`
}

/** By code point; the subset is ASCII, where this is what JavaScript compares. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
